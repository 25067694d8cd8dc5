"""Text to values: numbers, units, booleans, dates and times. What cannot be read becomes null, and the caller sees that."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from lake.sources import UNIT_FACTORS, FieldMap, Time

NUMERIC = ("double", "bigint", "int")
EPOCH_MICROS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
ISO = "iso"
_ISO_DAY = r"^\d{4}-\d{1,2}-\d{1,2}"
"""Spark reads a bare time of day as today, which is never meant."""
_OFFSET = r"(Z|[+-]\d{2}:?\d{2})$"
_GROUPED = r"^[+-]?(\d+|\d{{1,3}}({mark}\d{{3}})+)({decimal}\d*)?([eE][+-]?\d+)?$"
_ZONED_PATTERN_LETTERS = set("VzOXxZ")


@dataclass(frozen=True)
class Cell:
    """A column of the file and its Spark type; text files have strings only."""

    raw: Column
    type: str

    @property
    def text(self) -> Column:
        """The value as text; null where it is empty."""
        text = self.raw if self.type == "string" else self.raw.cast("string")
        return F.when(F.trim(text) != "", text)

    @property
    def is_given(self) -> Column:
        """Whether there is a value."""
        return self.text.isNotNull() if self.type == "string" else self.raw.isNotNull()


@dataclass(frozen=True)
class Reader:
    """Reads mapped columns out of a record's cells; `path` is the file's."""

    cells: Mapping[str, Cell]
    path: Column
    decimal: str = "."
    thousands: str = ""

    def value(self, field: FieldMap, type_: str) -> Column:
        """The canonical value, null where there is none or it cannot be read as the type."""
        if field.time is not None:
            return self.time(field.time).cast(type_)
        if field.column is not None and type_ != "string" and self.is_typed(field, type_):
            return self._in_unit(self.cells[field.column].raw, field)
        text = self.text(field)
        if type_ in NUMERIC:
            return self._in_unit(self.number(text, type_), field)
        if type_ == "boolean":
            return F.when(text.isin(*field.true_values), True).when(text.isin(*field.false_values), False)
        if type_ in ("timestamp", "date"):
            return _iso(text, "UTC").cast(type_)
        return text

    def is_typed(self, field: FieldMap, type_: str) -> bool:
        """Whether the file itself has the canonical type, so that no value can be of a wrong one."""
        if type_ == "string":
            return True
        if field.time is not None:
            return [self.cells[name].type for name in field.time.columns] == ["timestamp"] and type_ == "timestamp"
        return field.column is not None and self.cells[field.column].type == type_ and not field.null_values

    def text(self, field: FieldMap) -> Column:
        """The field as text; null for what the source declares to mean null."""
        if field.constant is not None:
            return F.lit(field.constant)
        if field.path_pattern is not None:
            return _group(self.path, field.path_pattern, "value")
        text = self.cells[field.column or ""].text
        return F.when(~text.isin(*field.null_values), text) if field.null_values else text

    def is_stated(self, field: FieldMap) -> Column:
        """Whether the record says anything there."""
        if field.time is None:
            return self.text(field).isNotNull()
        stated = F.lit(True)
        for name in field.time.columns:
            stated = stated & self.cells[name].is_given
        return stated

    def number(self, text: Column, type_: str) -> Column:
        """A number; the JSON reader gives NaN and infinities in quotes."""
        plain = F.btrim(text, F.lit('" '))
        if self.thousands:
            # 1.234.567 but not 12.5: a mark that groups no three digits is no number
            grouped = plain.rlike(_GROUPED.format(mark=f"[{self.thousands}]", decimal=f"[{self.decimal}]"))
            plain = F.when(grouped, F.replace(plain, F.lit(self.thousands)))
        return (F.replace(plain, F.lit(","), F.lit(".")) if self.decimal == "," else plain).try_cast(type_)

    def time(self, time: Time) -> Column:
        """An instant, in UTC."""
        cells = [self.cells[name] for name in time.columns]
        if len(cells) == 1 and cells[0].type == "timestamp":
            return cells[0].raw
        if len(cells) == 1 and cells[0].type in ("timestamp_ntz", "date"):
            return _to_utc(cells[0].raw.cast("timestamp"), time.zone)
        if len(cells) == 1 and cells[0].type == "bigint" and time.format in EPOCH_MICROS:
            return F.timestamp_micros(F.try_multiply(cells[0].raw, F.lit(EPOCH_MICROS[time.format])))
        # concat, not concat_ws, which would skip a null and read half a time
        parts = [p for cell in cells for p in (F.lit(" "), F.trim(cell.text))][1:]
        text = F.concat(*parts)
        if time.format in EPOCH_MICROS:
            return _epoch(text, EPOCH_MICROS[time.format])
        if time.format == ISO:
            return _iso(text, time.zone)
        if time.date_from_path is None:
            local = F.try_to_timestamp(text, F.lit(time.format))
        else:
            local = _on_day_of_file(text, time, self.path)
        return local if _has_zone(time.format) else _to_utc(local, time.zone)

    def _in_unit(self, number: Column, field: FieldMap) -> Column:
        factor = UNIT_FACTORS[field.unit] if field.unit else 1.0
        return number if factor == 1.0 else number * F.lit(factor)


def _epoch(text: Column, micros: int) -> Column:
    # decimal keeps microseconds exact where a double would not
    count = (text.try_cast("decimal(32,6)") * F.lit(micros)).try_cast("bigint")
    return F.timestamp_micros(count)


def _iso(text: Column, zone: str) -> Column:
    instant = F.when(text.rlike(_ISO_DAY), text.try_cast("timestamp"))
    return instant if zone == "UTC" else F.when(text.rlike(_OFFSET), instant).otherwise(_to_utc(instant, zone))


def _to_utc(local: Column, zone: str) -> Column:
    return local if zone == "UTC" else F.to_utc_timestamp(local, zone)


def _has_zone(pattern: str) -> bool:
    unquoted = "".join(pattern.split("'")[::2])
    return bool(_ZONED_PATTERN_LETTERS & set(unquoted))


def _on_day_of_file(text: Column, time: Time, path: Column) -> Column:
    """A time of day on the date of the file's name; one before the name's own time is of the next day."""
    pattern = time.date_from_path or ""
    day = _group(path, pattern, "date")
    at = F.try_to_timestamp(F.concat(day, F.lit(" "), text), F.lit(f"yyyyMMdd {time.format}"))
    if "(?P<time>" not in pattern:
        return at
    start = F.try_to_timestamp(F.concat(day, _group(path, pattern, "time")), F.lit("yyyyMMddHHmmss"))
    return F.when(at < start, at + F.expr("INTERVAL 1 DAY")).otherwise(at)


def _group(path: Column, pattern: str, name: str) -> Column:
    """A named group of a Python regex on the file's path; null where it does not match."""
    import re

    compiled = re.compile(pattern)
    java = re.sub(r"\(\?P<", "(?<", pattern)
    found = F.regexp_extract(path, java, compiled.groupindex[name])
    return F.when(found != "", found)
