"""Raw lines to the source's fields, and fields to canonical columns; nothing is dropped and nothing is guessed.

Columns that begin with an underscore are the loader's: `_fields` (struct f0, f1 ... in the order of `file_columns`),
`_malformed` (a reason or null), `_wrong` (reasons for values of a wrong type), `_header` (the line is a CSV header).
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lake.sources import FieldMap, Source, Time
from lake.tables import Table
from transforms.parse_values import Cell, Reader
from transforms.reasons import those_given

MAX_DEPTH = 20
"""Nesting of a JSON record; telematics records have two or three levels."""
STATED = "stated_ts"
RECEIVED = "received_ts"
BOM = "\ufeff"
_CORRUPT = "_corrupt"
_QUOTED = r'"(?:[^"\\]|\\.)*"'


def file_columns(source: Source) -> tuple[str, ...]:
    """Columns (or dotted JSON paths) of the file that the source maps, each once, in order of appearance."""
    times = [f.time for f in source.columns.values() if f.time] + [source.received]
    names = [f.column for f in source.columns.values() if f.column is not None]
    names += [c for t in times if isinstance(t, Time) for c in t.columns]
    return tuple(dict.fromkeys(names))


def clean_line(encoding: str) -> Column:
    """The line as text, without a byte-order mark and a carriage return."""
    text = F.col("value")
    decoded = F.decode(text.cast("binary"), "ISO-8859-1") if encoding == "iso-8859-1" else text
    unmarked = F.when(decoded.startswith(BOM), F.substr(decoded, F.lit(2))).otherwise(decoded)
    return F.rtrim(unmarked, F.lit("\r"))


def json_fields(lines: DataFrame, source: Source) -> DataFrame:
    """Adds _fields, _malformed and _header to lines with column `raw_text`."""
    columns = file_columns(source)
    schema = f"{_json_schema(columns)}, {_CORRUPT} string"
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
    parsed = lines.withColumn("_json", F.from_json("raw_text", schema, options))
    values = [F.col(f"_json.{_quoted(c)}").alias(f"f{i}") for i, c in enumerate(columns)]
    malformed = F.when(_is_malformed(F.col("raw_text")) | F.col(f"_json.{_CORRUPT}").isNotNull(), "malformed_json")
    return parsed.select("*", *_found(values, malformed, F.lit(False))).drop("_json")


def csv_fields(lines: DataFrame, source: Source, headers: Sequence[tuple[str, Sequence[str]]]) -> DataFrame:
    """Adds _fields, _malformed and _header to lines with columns `raw_text` and `_group`, which numbers the file's header in
    `headers`: the header's text and its column names. Files with other columns, or in another order, are read together."""
    columns = file_columns(source)
    fields, corrupt, header = F.lit(None), F.lit(None), F.lit(False)
    for group, (text, names) in enumerate(headers):
        record = F.from_csv("raw_text", _csv_schema(len(names)), _csv_options(source))
        lines = lines.withColumn(f"_csv{group}", F.when(F.col("_group") == group, record))
        of_group = F.col("_group") == group
        values = F.struct(*(F.col(f"_csv{group}.c{names.index(c)}").alias(f"f{i}") for i, c in enumerate(columns)))
        fields = F.when(of_group, values).otherwise(fields)
        corrupt = F.when(of_group, F.col(f"_csv{group}.{_CORRUPT}")).otherwise(corrupt)
        header = F.when(of_group, F.col("raw_text") == text).otherwise(header)
    malformed = F.when(corrupt.isNotNull(), "malformed_csv")
    found = lines.select("*", fields.alias("_fields"), malformed.alias("_malformed"), header.alias("_header"))
    return found.drop(*(f"_csv{g}" for g in range(len(headers))))


def parquet_fields(rows: DataFrame, source: Source) -> DataFrame:
    """Adds _fields (with the file's own types), _malformed and _header to rows of a Parquet file."""
    there = set(rows.columns)
    values = [F.col(f"`{c}`" if c in there else _quoted(c)).alias(f"f{i}") for i, c in enumerate(file_columns(source))]
    return rows.select("*", *_found(values, F.lit(None).cast("string"), F.lit(False)))


def canonical(rows: DataFrame, source: Source, table: Table) -> DataFrame:
    """Adds the table's columns that the source maps, in canonical units, `stated_ts` where the source names a time of
    receipt, and _wrong. Needs _fields and source_file."""
    struct = rows.schema["_fields"].dataType
    assert isinstance(struct, StructType)
    found = zip(file_columns(source), struct, strict=True)
    cells = {c: Cell(F.col(f"_fields.{x.name}"), x.dataType.simpleString()) for c, x in found}
    mapped = {x.name: (source.columns[x.name], x.type) for x in table.columns if x.name in source.columns}
    if isinstance(source.received, Time):
        mapped[STATED] = (FieldMap(time=source.received), "timestamp")
    reader = Reader(cells, F.col("source_file"), source.format.decimal)
    values = {name: reader.value(field, type_) for name, (field, type_) in mapped.items()}
    wrong = [
        F.when(reader.is_stated(field) & values[name].isNull(), f"wrong_type:{RECEIVED if name == STATED else name}")
        for name, (field, type_) in mapped.items()
        if not reader.is_typed(field, type_)
    ]
    read = [value.alias(name) for name, value in values.items()]
    return rows.select("*", *read, those_given(*wrong).alias("_wrong"))


def _found(values: Sequence[Column], malformed: Column, header: Column) -> tuple[Column, Column, Column]:
    return F.struct(*values).alias("_fields"), malformed.alias("_malformed"), header.alias("_header")


def _quoted(path: str) -> str:
    return ".".join(f"`{part}`" for part in path.split("."))


def _json_schema(columns: Sequence[str]) -> str:
    """All-string schema of dotted paths as DDL: a.b and a.c become a struct<b: string, c: string>."""
    tree: dict[str, list[str]] = {}
    for path in columns:
        head, _, rest = path.partition(".")
        tree.setdefault(head, []).extend([rest] if rest else [])
    return ", ".join(f"`{head}` {'string' if not rest else f'struct<{_json_schema(rest)}>'}" for head, rest in tree.items())


def _csv_schema(width: int) -> str:
    return ", ".join([*(f"c{i} string" for i in range(width)), f"{_CORRUPT} string"])


def _csv_options(source: Source) -> dict[str, str]:
    # a quote is doubled inside quotes (RFC 4180), not escaped by a backslash
    return {"sep": source.format.delimiter, "escape": '"', "mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}


def _is_malformed(text: Column) -> Column:
    """What the JSON reader would take in silence: no object, two records on a line (it reads the first), deep nesting."""
    not_object = ~text.rlike(r"^\s*\{") | ~text.rlike(r"\}\s*$")
    two = text.rlike(r"\}\s*\{") & F.regexp_replace(text, _QUOTED, "").rlike(r"\}\s*\{")
    openers = F.length(F.regexp_replace(text, r"[^\[{]", ""))
    return not_object | two | ((openers > MAX_DEPTH) & (_depth(text) > MAX_DEPTH))


def _depth(text: Column) -> Column:
    brackets = F.regexp_replace(F.regexp_replace(text, _QUOTED, ""), r"[^\[\]{}]", "")
    steps = F.transform(F.split(brackets, ""), lambda x: F.when(x.isin("[", "{"), 1).when(x.isin("]", "}"), -1).otherwise(0))
    start = F.struct(F.lit(0).alias("now"), F.lit(0).alias("most"))

    def step(seen: Column, by: Column) -> Column:
        now = seen["now"] + by
        return F.struct(now.alias("now"), F.greatest(seen["most"], now).alias("most"))

    return F.aggregate(steps, start, step, lambda seen: seen["most"])
