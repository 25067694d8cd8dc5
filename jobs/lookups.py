"""Lookups of roads and weather that are configured: read, checked, and put beside the trips."""

from dataclasses import dataclass

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from lake.conf import Conf
from lake.errors import ConfigError
from transforms.context import ROADS, WEATHER, with_roads, with_weather


@dataclass(frozen=True)
class Lookups:
    """The tables, None where not configured."""

    roads: DataFrame | None
    weather: DataFrame | None

    @classmethod
    def of(cls, spark: SparkSession, conf: Conf) -> "Lookups":
        """Raises ConfigError naming the key for a table that is not there or lacks a column."""
        given = conf.lookups
        return cls(_read(spark, "roads", given.roads, ROADS), _read(spark, "weather", given.weather, WEATHER))

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self.roads is not None or self.weather is not None

    def add_to(self, trips: DataFrame) -> DataFrame:
        """Trips with the columns that the lookups fill, without `cells`."""
        if not self.any:
            return trips
        if self.roads is not None:
            trips = with_roads(trips, self.roads)
        if self.weather is not None:
            trips = with_weather(trips, self.weather)
        return trips.drop("cells")


def _read(spark: SparkSession, key: str, path: str | None, columns: dict[str, str]) -> DataFrame | None:
    if path is None:
        return None
    is_delta = _is_delta(spark, path)
    try:
        table = spark.read.format("delta" if is_delta else "parquet").load(path)
    except AnalysisException as e:
        raise ConfigError(f"lookups.{key}: {path} cannot be read as a table: {str(e).splitlines()[0]}") from e
    types = dict(table.dtypes)
    wrong = [f"{name} {type_}" for name, type_ in columns.items() if types.get(name) != type_]
    if wrong:
        have = ", ".join(f"{k} {v}" for k, v in types.items())
        raise ConfigError(f"lookups.{key}: {path} lacks {', '.join(wrong)}; it has {have}")
    return table.select(*columns)


def _is_delta(spark: SparkSession, path: str) -> bool:
    from delta.tables import DeltaTable

    return bool(DeltaTable.isDeltaTable(spark, path))
