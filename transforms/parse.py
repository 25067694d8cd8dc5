"""Raw lines to the source's fields, and fields to canonical columns; nothing is dropped and nothing is guessed.

Columns that begin with an underscore are the loader's: `_fields` (struct f0, f1 ... in the order of `file_columns`), `_texts`
(the same as text, where a JSON line does not fit), `_malformed` (a reason or null), `_wrong` (reasons for values of a wrong
type), `_header` (the line is a CSV header).
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lake.sources import FieldMap, Source, Time
from lake.tables import Table
from transforms.parse_values import EPOCH_MICROS, Cell, Reader
from transforms.reasons import those_given

MAX_DEPTH = 20
"""Nesting of a JSON record; telematics records have two or three levels."""
STATED = "stated_ts"
RECEIVED = "received_ts"
BOM = "\ufeff"
_CORRUPT = "_corrupt"
_DEFINED = [bytes([x]) for x in range(0x80, 0xA0) if x not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)]
_WINDOWS_1252 = ("".join(x.decode("iso-8859-1") for x in _DEFINED), "".join(x.decode("windows-1252") for x in _DEFINED))
_QUOTED = r'"(?:[^"\\]|\\.)*"'


def file_columns(source: Source) -> tuple[str, ...]:
    """Columns (or dotted JSON paths) of the file that the source maps, each once, in order of appearance."""
    times = [f.time for f in source.columns.values() if f.time] + [source.received]
    names = [f.column for f in source.columns.values() if f.column is not None]
    names += [c for t in times if isinstance(t, Time) for c in t.columns]
    return tuple(dict.fromkeys(names))


def unmapped(source: Source, columns: Sequence[str]) -> tuple[str, ...]:
    """Of a file's columns those that the source neither maps nor ignores: they are read past."""
    known = {*source.ignored, *file_columns(source), *(c.split(".")[0] for c in file_columns(source))}
    return tuple(c for c in columns if c not in known)


def clean_line(encoding: str) -> Column:
    """The line as text, without a byte-order mark and a carriage return."""
    text = F.col("value")
    decoded = text if encoding == "utf-8" else F.decode(text.cast("binary"), "ISO-8859-1")
    if encoding == "windows-1252":
        # Spark decodes no windows-1252: the same but for 27 characters that ISO-8859-1 has as controls
        decoded = F.translate(decoded, *_WINDOWS_1252)
    unmarked = F.when(decoded.startswith(BOM), F.substr(decoded, F.lit(2))).otherwise(decoded)
    return F.rtrim(unmarked, F.lit("\r"))


def json_fields(lines: DataFrame, source: Source, table: Table) -> DataFrame:
    """Adds _fields, _texts, _malformed and _header to lines with column `raw_text`.

    A line is read once in the types that its columns should have. One that does not fit is read again as text, in _texts,
    which is null for all others: text costs a conversion a value, and nearly every line fits.
    """
    types = _json_types(source, table)
    parsed = lines.withColumn("_json", _from_json(types))
    as_text = F.when(F.col(f"_json.{_CORRUPT}").isNotNull(), _from_json(dict.fromkeys(types, "string")))
    parsed = parsed.withColumn("_text", as_text)
    typed, texts = ([F.col(f"{x}.{_quoted(c)}").alias(f"f{i}") for i, c in enumerate(types)] for x in ("_json", "_text"))
    malformed = F.when(_is_malformed(F.col("raw_text")) | F.col(f"_text.{_CORRUPT}").isNotNull(), "malformed_json")
    texts_found = F.when(F.col("_text").isNotNull(), F.struct(*texts)).alias("_texts")
    return parsed.select("*", texts_found, *_found(typed, malformed, F.lit(False))).drop("_json", "_text")


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
    receipt, and _wrong. Needs _fields (and _texts, which counts where it is not null) and source_file."""
    values, wrong = _read(rows, "_fields", source, table)
    if "_texts" in rows.columns:
        texts, wrong_texts = _read(rows, "_texts", source, table)
        is_text = F.col("_texts").isNotNull()
        values = {name: F.when(is_text, texts[name]).otherwise(value) for name, value in values.items()}
        wrong = F.when(is_text, wrong_texts).otherwise(wrong)
    return rows.select("*", *(value.alias(name) for name, value in values.items()), wrong.alias("_wrong"))


def _read(rows: DataFrame, fields: str, source: Source, table: Table) -> tuple[dict[str, Column], Column]:
    """Canonical values by name, and the reasons for those that cannot be read, from a struct of the file's columns."""
    struct = rows.schema[fields].dataType
    if not isinstance(struct, StructType):
        raise TypeError(f"a struct is needed, not {struct}")
    found = zip(file_columns(source), struct, strict=True)
    cells = {c: Cell(F.col(f"{fields}.{x.name}"), x.dataType.simpleString()) for c, x in found}
    mapped = {x.name: (source.columns[x.name], x.type) for x in table.columns if x.name in source.columns}
    if isinstance(source.received, Time):
        mapped[STATED] = (FieldMap(time=source.received), "timestamp")
    reader = Reader(cells, F.col("source_file"), source.format.decimal, source.format.thousands)
    values = {name: reader.value(field, type_) for name, (field, type_) in mapped.items()}
    wrong = [
        F.when(reader.is_stated(field) & values[name].isNull(), f"wrong_type:{RECEIVED if name == STATED else name}")
        for name, (field, type_) in mapped.items()
        if not reader.is_typed(field, type_)
    ]
    return values, those_given(*wrong)


def _json_types(source: Source, table: Table) -> dict[str, str]:
    """The type in which the JSON reader takes each column of the file: a number where all that is made of it is one."""
    of_table = {x.name: x.type for x in table.columns}
    wanted: dict[str, set[str]] = {c: set() for c in file_columns(source)}
    for name, field in source.columns.items():
        if field.column is not None:
            is_number = of_table[name] == "double" and not field.null_values
            wanted[field.column].add("double" if is_number else "string")
    for time in [f.time for f in source.columns.values() if f.time] + [source.received]:
        if isinstance(time, Time):
            is_count = time.format in EPOCH_MICROS and len(time.columns) == 1
            for column in time.columns:
                wanted[column].add("bigint" if is_count else "string")
    return {c: next(iter(types)) if len(types) == 1 else "string" for c, types in wanted.items()}


def _from_json(types: Mapping[str, str]) -> Column:
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
    return F.from_json("raw_text", f"{_json_schema(types)}, {_CORRUPT} string", options)


def _found(values: Sequence[Column], malformed: Column, header: Column) -> tuple[Column, Column, Column]:
    return F.struct(*values).alias("_fields"), malformed.alias("_malformed"), header.alias("_header")


def _quoted(path: str) -> str:
    return ".".join(f"`{part}`" for part in path.split("."))


def _json_schema(types: Mapping[str, str]) -> str:
    """Types of dotted paths as DDL: a.b and a.c become a struct<b: string, c: string>."""
    tree: dict[str, dict[str, str]] = {}
    for path, type_ in types.items():
        head, _, rest = path.partition(".")
        tree.setdefault(head, {})[rest] = type_
    return ", ".join(f"`{head}` {rest[''] if '' in rest else f'struct<{_json_schema(rest)}>'}" for head, rest in tree.items())


def _csv_schema(width: int) -> str:
    return ", ".join([*(f"c{i} string" for i in range(width)), f"{_CORRUPT} string"])


def _csv_options(source: Source) -> dict[str, str]:
    # a quote is doubled inside quotes (RFC 4180), not escaped by a backslash
    return {"sep": source.format.delimiter, "escape": '"', "mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}


def _is_malformed(text: Column) -> Column:
    """What the JSON reader would take in silence: no object, two records on a line (it reads the first), deep nesting."""
    not_object = ~text.rlike(r"^\s*\{") | ~text.rlike(r"\}\s*$")
    two = text.rlike(r"\}\s*\{") & F.regexp_replace(text, _QUOTED, "").rlike(r"\}\s*\{")
    openers = F.length(text) * 2 - F.length(F.replace(text, F.lit("{"))) - F.length(F.replace(text, F.lit("[")))
    # nearly every line is one flat object, which these see without a regular expression
    is_flat = text.startswith("{") & text.endswith("}") & (F.locate("{", text, 2) == 0) & ~text.contains("[")
    return F.when(is_flat, F.lit(False)).otherwise(
        not_object | two | ((openers > MAX_DEPTH) & (_depth(text) > MAX_DEPTH))
    )  # fmt: skip


def _depth(text: Column) -> Column:
    brackets = F.regexp_replace(F.regexp_replace(text, _QUOTED, ""), r"[^\[\]{}]", "")
    steps = F.transform(F.split(brackets, ""), lambda x: F.when(x.isin("[", "{"), 1).when(x.isin("]", "}"), -1).otherwise(0))
    start = F.struct(F.lit(0).alias("now"), F.lit(0).alias("most"))

    def step(seen: Column, by: Column) -> Column:
        now = seen["now"] + by
        return F.struct(now.alias("now"), F.greatest(seen["most"], now).alias("most"))

    return F.aggregate(steps, start, step, lambda seen: seen["most"])
