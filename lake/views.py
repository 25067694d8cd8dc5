"""Statements that make the lake's tables, and `<table>_current` of each bitemporal one, known to an engine by name.

Delta has no views without a catalogue, so they are not kept in the lake: they are printed, and run where they are read.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from lake.errors import ConfigError
from lake.s3 import on_s3
from lake.table import Table

CURRENT = "known_to IS NULL"
"""Of a bitemporal table: the versions that are known today."""


LAST_PAGE = "(SELECT max(night_date) FROM gold.nights WHERE job = 'page' AND status = 'finished')"
LATEST = "score_date = (SELECT max(score_date) FROM {0})"
LATEST_SCORED = LATEST.replace("{0}", "{0} WHERE score_date <= (SELECT max(score_date) FROM gold.policy_scores)")
READERS = {
    "gold.policy_scores": ("gold.latest_scores", f"role = 'champion' AND {LATEST}"),
    "gold.performance": ("gold.latest_performance", LATEST_SCORED),
    "gold.drift": ("gold.latest_drift", LATEST_SCORED),
    "gold.alerts": ("gold.alerts_firing", f"state = 'firing' AND score_date = {LAST_PAGE}"),
}
"""Views for people, by the table that they are of: its rows of the last night that has any (one whose scores were withdrawn
has none, nor its drift); of alerts those of the last night, which may be none."""
MANIFEST_FOLDER = "_symlink_format_manifest"


def ddl(engine: str, root: str, tables: Iterable[Table], partitions: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """One statement each, in order; `root` is the lake's. `partitions` are values of the first partition column by table, which
    Redshift has to be told. Raises ConfigError for an unknown engine, or a root it cannot read."""
    if engine == "redshift":
        return _redshift(root, tables, partitions or {})
    if engine not in ENGINES:
        raise ConfigError(f"unknown engine '{engine}': choose {', '.join((*ENGINES, 'redshift'))}")
    if engine == "athena" and not on_s3(root):
        raise ConfigError(f"Athena reads only from S3, the lake is at {root}")
    statements: dict[str, None] = {_load_delta(): None} if engine == "duckdb" else {}
    tables = list(tables)
    for table in tables:
        schema, name = table.name.split(".")
        path = f"{root}/{schema}/{name}"
        statements[_SCHEMAS[engine].format(schema)] = None
        statements[ENGINES[engine](table.name, path)] = None
        if table.bitemporal:
            statements[_current_view(engine, table)] = None
    # after all tables: a view may ask another
    return [*statements, *(_reader_view(engine, table) for table in tables if table.name in READERS)]


def _load_delta() -> str:
    """DuckDB's extension: the one that is installed beside us, else from DuckDB's own repository."""
    package = find_spec("duckdb_extension_delta")
    for folder in package.submodule_search_locations or () if package is not None else ():
        for file in Path(folder).rglob("delta.duckdb_extension"):
            return f"LOAD {_text(str(file))}"
    return "INSTALL delta; LOAD delta"


def _current_view(engine: str, table: Table) -> str:
    return _view(engine, f"{table.name}_current", table, CURRENT)


def _reader_view(engine: str, table: Table) -> str:
    name, condition = READERS[table.name]
    return _view(engine, name, table, condition.format(table.name))


def _view(engine: str, name: str, table: Table, condition: str) -> str:
    quote = '"' if engine in ("duckdb", "athena") else "`"
    columns = ", ".join(f"{quote}{x}{quote}" for x in table.names)
    return f"CREATE OR REPLACE VIEW {name} AS SELECT {columns} FROM {table.name} WHERE {condition}"  # nosec B608 # names of the code


def _redshift(root: str, tables: Iterable[Table], partitions: Mapping[str, Sequence[str]]) -> list[str]:
    """External tables of Redshift Spectrum over manifests, in an external schema that the reader has made, and their
    partitions. A new night is one more statement."""
    if not on_s3(root):
        raise ConfigError(f"Redshift reads only from S3, the lake is at {root}")
    statements = []
    for table in (t for t in tables if t.manifests):
        place = f"{root}/{table.name.replace('.', '/', 1)}/{MANIFEST_FOLDER}"
        (by,) = table.partition_by
        columns = ", ".join(f'"{x.name}" {_spectrum(x.type)}' for x in table.columns if x.name != by)
        types = ", ".join(f"{x.name} {x.type}" for x in table.columns if x.name == by)
        statements.append(
            f"CREATE EXTERNAL TABLE {table.name} ({columns}) PARTITIONED BY ({types}) ROW FORMAT SERDE "
            "'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' STORED AS INPUTFORMAT "
            "'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat' OUTPUTFORMAT "
            f"'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat' LOCATION {_text(f'{place}/')}"
        )
        statements += [
            f"ALTER TABLE {table.name} ADD IF NOT EXISTS PARTITION ({by}={_text(value)}) "
            f"LOCATION {_text(f'{place}/{by}={value}/manifest')}"
            for value in partitions.get(table.name, ())
        ]
    return statements


def _spectrum(type_: str) -> str:
    """A column's type as Spectrum names it; nested ones keep their shape."""
    return re.sub(r"\bdouble\b", "double precision", re.sub(r"\bstring\b", "varchar(65535)", type_))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _spark(name: str, path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"CREATE TABLE IF NOT EXISTS {name} USING DELTA LOCATION '{escaped}'"


def _athena(name: str, path: str) -> str:
    return f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} LOCATION {_text(path)} TBLPROPERTIES ('table_type' = 'DELTA')"


def _duckdb(name: str, path: str) -> str:
    return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM delta_scan({_text(path)})"  # nosec B608 # quoted, and only printed


ENGINES: dict[str, Callable[[str, str], str]] = {"spark": _spark, "athena": _athena, "duckdb": _duckdb}
"""How each is told of a table at a path. Athena's statements also fill Glue's catalogue, which EMR and Redshift read."""
_SCHEMAS = {
    "spark": "CREATE DATABASE IF NOT EXISTS {}",
    "athena": "CREATE DATABASE IF NOT EXISTS {}",
    "duckdb": "CREATE SCHEMA IF NOT EXISTS {}",
}
