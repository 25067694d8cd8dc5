"""The file that explains the changes a release is meant to make (`telematics release check --explained`)."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pyspark.sql import Column
from pyspark.sql import functions as F

from lake import yaml_file
from lake.features import CREDIBLE, FEATURES
from transforms.differences import PREMIUM, SCORE_COLUMNS, VEHICLE

SHORTEST_REASON = 15
"""Characters: "as agreed" explains nothing."""


class Expected(BaseModel):
    """A change that is meant: a row counts as explained where every column that differs in it is among `columns`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    columns: Annotated[tuple[str, ...], Field(min_length=1, description="of scores or features; cover and vehicle: whole rows")]
    reason: Annotated[str, Field(min_length=SHORTEST_REASON, description="why, for who approves the release")]
    most: Annotated[float, Field(ge=0, description="largest change of a price, either way, as a share")] = 0.0
    feature_version: Annotated[str | None, Field(description="of these scores and features alone")] = None
    coverage: Annotated[str | None, Field(description="of these scores alone")] = None

    @model_validator(mode="after")
    def _known(self) -> "Expected":
        known = {*SCORE_COLUMNS, VEHICLE, *(f.name for v in FEATURES for f in (*FEATURES[v], *CREDIBLE[v]))}
        unknown = sorted(set(self.columns) - known)
        if unknown:
            raise ValueError(f"neither scores nor features have {', '.join(unknown)}")
        if self.feature_version is not None and self.feature_version not in FEATURES:
            raise ValueError(f"there is no feature version {self.feature_version}: there are {', '.join(FEATURES)}")
        if PREMIUM in self.columns and not self.most:
            raise ValueError("a change of pure_premium needs `most`, the largest one that is meant")
        return self

    def of_score(self) -> Column:
        """Whether a row of `score_differences` is explained."""
        small = F.coalesce(F.abs("change") <= self.most, F.lit(True)) if PREMIUM in self.columns else F.lit(True)
        mine = F.lit(True) if self.coverage is None else F.col("coverage") == self.coverage
        return self._covers() & small & mine & self._of_version()

    def of_feature(self) -> Column:
        """Whether a row of `feature_differences` with its feature_version is explained."""
        return self._covers() & self._of_version()

    def _covers(self) -> Column:
        return F.size(F.array_except("columns", F.array(*map(F.lit, self.columns)))) == 0

    def _of_version(self) -> Column:
        return F.lit(True) if self.feature_version is None else F.col("feature_version") == self.feature_version


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    expected: tuple[Expected, ...]


def read_expected(path: Path) -> tuple[Expected, ...]:
    """Read the file. Raises ConfigError naming it, the key and what is wrong."""
    return yaml_file.read(path, _File).expected
