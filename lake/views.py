"""Statements that make the lake's tables, and `<table>_current` of each bitemporal one, known to an engine by name.

Delta has no views without a catalogue, so they are not kept in the lake: they are printed, and run where they are read.
"""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from lake.errors import ConfigError
from lake.table import Table

CURRENT = "known_to IS NULL"
"""Of a bitemporal table: the versions that are known today."""


def ddl(engine: str, root: str, tables: Iterable[Table]) -> list[str]:
    """One statement each, in order; `root` is the lake's. Raises ConfigError for an unknown engine, or a root it cannot read."""
    if engine not in ENGINES:
        raise ConfigError(f"unknown engine '{engine}': choose {', '.join(ENGINES)}")
    if engine == "athena" and not root.startswith("s3://"):
        raise ConfigError(f"Athena reads only from S3, the lake is at {root}")
    statements: dict[str, None] = {_load_delta(): None} if engine == "duckdb" else {}
    for table in tables:
        schema, name = table.name.split(".")
        path = f"{root}/{schema}/{name}"
        statements[_SCHEMAS[engine].format(schema)] = None
        statements[ENGINES[engine](table.name, path)] = None
        if table.bitemporal:
            statements[_current_view(engine, table)] = None
    return list(statements)


def _load_delta() -> str:
    """DuckDB's extension: the one that is installed beside us, else from DuckDB's own repository."""
    package = find_spec("duckdb_extension_delta")
    for folder in package.submodule_search_locations or () if package is not None else ():
        for file in Path(folder).rglob("delta.duckdb_extension"):
            return f"LOAD {_text(str(file))}"
    return "INSTALL delta; LOAD delta"


def _current_view(engine: str, table: Table) -> str:
    quote = '"' if engine in ("duckdb", "athena") else "`"
    columns = ", ".join(f"{quote}{x}{quote}" for x in table.names)
    return f"CREATE OR REPLACE VIEW {table.name}_current AS SELECT {columns} FROM {table.name} WHERE {CURRENT}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _spark(name: str, path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"CREATE TABLE IF NOT EXISTS {name} USING DELTA LOCATION '{escaped}'"


def _athena(name: str, path: str) -> str:
    return f"CREATE EXTERNAL TABLE IF NOT EXISTS {name} LOCATION {_text(path)} TBLPROPERTIES ('table_type' = 'DELTA')"


def _duckdb(name: str, path: str) -> str:
    return f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM delta_scan({_text(path)})"


ENGINES: dict[str, Callable[[str, str], str]] = {"spark": _spark, "athena": _athena, "duckdb": _duckdb}
"""How each is told of a table at a path. Athena's statements also fill Glue's catalogue, which EMR and Redshift read."""
_SCHEMAS = {
    "spark": "CREATE DATABASE IF NOT EXISTS {}",
    "athena": "CREATE DATABASE IF NOT EXISTS {}",
    "duckdb": "CREATE SCHEMA IF NOT EXISTS {}",
}
