"""Strategies for files of points: good records in many spellings, duplicates, conflicts, bad and blank lines."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.loading.contract import File, Line
from tests.loading.files import NOON, PHONE

CSV = (
    PHONE.replace("name: phone", "name: box")
    .replace("type: jsonl", "type: csv")
    .replace("pos.lat", "lat")
    .replace("pos.lon", "lon")
)
COLUMNS = ("device", "ts", "lat", "lon", "speed", "heading", "phone")
TOMORROW = 26 * 3600 + 1800
"""14:30 of the next day is over a day ahead for what was received until 13:59:59, and not an hour later."""
HOURS = tuple(dt.datetime(2026, 1, 5, hour, 59, 59, tzinfo=dt.UTC) for hour in (13, 14, 23))

raw_records = st.fixed_dictionaries({
    "device": st.sampled_from(["d1", "dé"]),
    "second": st.sampled_from([0, 1, 2, -5 * 86400, TOMORROW]),
    "lat": st.just(48.1),
    "lon": st.just(11.5),
    "speed": st.sampled_from([0.0, 36.0, 72.5, None]),
    "heading": st.sampled_from([90.0, None]),
    "phone": st.sampled_from([1, None]),
})  # fmt: skip
"""Few values, so that duplicates and conflicts are many."""


def canonical(raw: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Our columns of a raw record: km/h to m/s, 0 and 1 to booleans."""
    return (
        ("device_id", raw["device"]),
        ("event_ts", NOON + dt.timedelta(seconds=raw["second"])),
        ("lat", raw["lat"]),
        ("lon", raw["lon"]),
        ("speed_mps", None if raw["speed"] is None else raw["speed"] * (1 / 3.6)),
        ("heading_deg", raw["heading"]),
        ("phone_use", None if raw["phone"] is None else bool(raw["phone"])),
    )


def epoch_ms(raw: dict[str, Any]) -> int:
    return int((NOON + dt.timedelta(seconds=raw["second"])).timestamp() * 1000)


def as_json(raw: dict[str, Any], spelling: str, **overrides: Any) -> str:
    """One record has many spellings as JSON."""
    plain = {"device": raw["device"], "ts": epoch_ms(raw), "pos": {"lat": raw["lat"], "lon": raw["lon"]}}
    plain |= {k: raw[k] for k in ("speed", "heading", "phone")} | overrides
    if spelling == "reversed":
        return json.dumps(dict(reversed(plain.items())), indent=None, separators=(" , ", " : "), ensure_ascii=False)
    if spelling == "texts":
        return json.dumps({k: str(v) if isinstance(v, int | float) else v for k, v in plain.items()})
    if spelling == "sparse":
        return json.dumps({k: v for k, v in plain.items() if v is not None}, separators=(",", ":"))
    if spelling == "more":
        return "  " + json.dumps({"note": 'a "}{" in a text', "x": [[1], {"y": []}], **plain}) + "\t"
    return json.dumps(plain)


SPELLINGS = ("plain", "reversed", "texts", "sparse", "more")
WRONG: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"speed": "fast"}, ("wrong_type:speed_mps",)),
    ({"speed": float("nan")}, ("not_finite:speed_mps",)),
    ({"speed": -1}, ("out_of_range:speed_mps",)),
    ({"heading": 400, "phone": "maybe"}, ("out_of_range:heading_deg", "wrong_type:phone_use")),
    ({"device": None}, ("missing:device_id",)),
    ({"ts": "soon"}, ("wrong_type:event_ts",)),
    ({"ts": 1000}, ("event_before_2000",)),
    ({"ts": 4_070_908_800_000}, ("event_in_future",)),
)
MALFORMED_JSON = ("{", "[1, 2]", "null", "word", '{"a": 1} {"b": 2}', '{"device": "d1", "ts": ', '{"x":' * 21 + "1" + "}" * 21)
WHITE = ("", " ", "\t \x0b\x0c")


def json_lines() -> st.SearchStrategy[Line]:
    good = st.builds(lambda raw, spelling: Line(as_json(raw, spelling), canonical(raw)), raw_records, st.sampled_from(SPELLINGS))
    wrong = st.builds(lambda x: Line(as_json(_BASE, "plain", **x[0]), reasons=x[1]), st.sampled_from(WRONG))
    malformed = st.builds(lambda text: Line(text, reasons=("malformed_json",)), st.sampled_from(MALFORMED_JSON))
    return _mostly(good, wrong, malformed)


def csv_lines(columns: tuple[str, ...]) -> st.SearchStrategy[Line]:
    good = st.builds(lambda raw, quoted: Line(as_csv(raw, columns, quoted), canonical(raw)), raw_records, st.booleans())
    wrong = st.builds(lambda x: Line(as_csv(_BASE, columns, True, **x[0]), reasons=x[1]), st.sampled_from(WRONG))
    short = st.just(Line("d1,1", reasons=("malformed_csv",)))
    again = st.just(Line(",".join(columns), reasons=("repeated_header",)))
    return _mostly(good, wrong, short, again)


def _mostly(good: st.SearchStrategy[Line], *others: st.SearchStrategy[Line]) -> st.SearchStrategy[Line]:
    """Two of three lines are good; one_of would count a strategy that it is given several times once."""
    others = (*others, st.builds(Line, st.sampled_from(WHITE)))
    return st.sampled_from([good] * (2 * len(others)) + list(others)).flatmap(lambda one: one)


_BASE: dict[str, Any] = {"device": "d1", "second": 0, "lat": 48.1, "lon": 11.5, "speed": 36.0, "heading": 90.0, "phone": 0}


def as_csv(raw: dict[str, Any], columns: tuple[str, ...], quoted: bool, **overrides: Any) -> str:
    values = {**raw, "ts": epoch_ms(raw)} | overrides
    texts = ["" if values[c] is None else str(values[c]) for c in columns]
    return ",".join(f'"{x}"' if quoted and x else x for x in texts)


@st.composite
def files(draw: st.DrawFn, form: str) -> File:
    """A file without its folder; its name is given when it is laid out."""
    columns = tuple(draw(st.permutations(COLUMNS))) if form == "csv" else ()
    lines = draw(st.lists(csv_lines(columns) if form == "csv" else json_lines(), min_size=2, max_size=16))
    return File(
        Path(f"x.{form}" + draw(st.sampled_from(["", ".gz"]))), tuple(lines), draw(st.sampled_from(HOURS)),
        draw(st.sampled_from(["\n", "\r\n"])), draw(st.booleans()), draw(st.booleans()), ",".join(columns) if columns else None,
    )  # fmt: skip
