"""An explanation as text that reads well in 100 columns. Text from data is shown as it is, never as markup."""

import math
import textwrap
from collections.abc import Iterator
from typing import Any

WIDTH = 100
KM_MM, MINUTE_MS = 1e6, 60_000
_MEASURES = (
    ("speed_mps", "{:.1f} m/s"), ("accel_lon_mps2", "lon {:+.2f} m/s2"), ("accel_lat_mps2", "lat {:+.2f} m/s2"),
    ("posted_limit_mps", "limit {:.1f} m/s"),
)  # fmt: skip


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The whole, a line at a time."""
    for score in found["scores"]:
        yield f"{found['policy_id']}  car {score['vehicle_id']}  {score['coverage']}  night {found['date']}"
        known = "" if found["published"] else "; the night has not been published"
        yield f"{found['role']}; everything as known at {_at(found['cutoff_ts'])} UTC{known}"
        yield from _score(score)
        for feature in score["features"]:
            yield ""
            yield from _feature(feature)
        for day in score["days"]:
            yield ""
            yield from _day(day)
        yield ""


def wrapped(line: str) -> list[str]:
    """A line in parts of the width, later ones further in; a path in one."""
    # whatever a device or a file is named, it moves no cursor
    shown = "".join(x if x.isprintable() else "?" for x in line)
    bare = shown.lstrip()
    if bare.startswith(("/", "s3:")) or not bare:
        return [shown]
    indent = " " * (len(shown) - len(bare) + 4)
    return textwrap.wrap(shown, WIDTH, subsequent_indent=indent, drop_whitespace=True)


def _score(s: dict[str, Any]) -> Iterator[str]:
    yield (
        f"price {s['pure_premium']:,.2f} {s['currency']} a car-year = {s['frequency']:.4f} claims a car-year x "
        f"{s['severity']:,.2f} {s['currency']} a claim"
    )
    yield f"relativity {s['relativity']:.4f}; {_sum(s)}"
    of = s["lineage"]
    yield f"model {of['model_name']} version {of['model_version']}, features {of['feature_version']}, frame {of['frame_hash']}"
    if s["approval"]:
        yield f"approved by {s['approval']['by']} on {s['approval']['at'][:10]}, until {s['approval']['expires']}"
    if s["counterfactual"]:
        other = s["counterfactual"]
        yield f"with {other['text']} at {other['to']} in place of {other['from']}: {other['price']:,.2f} {s['currency']}"
    if s["fallback"]:
        yield f"declared fallback, {s['fallback_reason']}: {s['why_fallback']}"
    if s["stored"]:
        yield _stored(s["stored"])


def _sum(s: dict[str, Any]) -> str:
    parts = {"base": s["base"], "reasons": math.log(s["pure_premium"]) - s["base"] - s["others"] - s["calibration"]}
    parts |= {"others": s["others"], "calibration": s["calibration"]}
    return f"ln price {math.log(s['pure_premium']):.4f} = " + " ".join(f"{name} {x:+.4f}" for name, x in parts.items())


def _stored(stored: dict[str, Any]) -> str:
    made = f"{stored['features']} features computed again from {stored['policy_days']} policy days"
    if not stored["kept"]:
        return f"{made}; those that were stored are not kept any more"
    differ = stored["differ"]
    return f"{made}: all as stored" if not differ else f"{made}: DIFFERENT from what is stored: {', '.join(differ)}"


def _feature(f: dict[str, Any]) -> Iterator[str]:
    effect = f"  {f['contribution']:+.4f} in ln price" if f["contribution"] is not None else ""
    yield f"{f['feature']}{effect}"
    if f["text"]:
        yield f"  {f['text']}"
    value = "not known" if f["stored"] is None else f"{f['stored']:.6g} {f['unit']}"
    again = "" if f["agrees"] else f", computed again {f['recomputed']}"
    yield f"  {f['meaning']}: {value}{again}"
    yield f"  = {f['formula']}, local days from {f['first_date']} to before {f['end_date']}"
    sums = [f"sum of {t['name']} = {_whole(t['sum'])}" for t in (f["numerator"], f["denominator"]) if t]
    yield f"  {'; '.join(sums)}"
    for day in f["days"]:
        parts = [f"{t['name']} {_whole(day[side])}" for side in ("numerator", "denominator") if (t := f[side])]
        yield f"    {day['local_date']}  {', '.join(parts)}"
    if f["days_left_out"]:
        yield f"    and {f['days_left_out']} more days, {f['days_left_out_adding']} of them with {f['numerator']['name']}"


def _day(d: dict[str, Any]) -> Iterator[str]:
    origin = "imported as history" if d["imported"] else "from points"
    yield f"day {d['local_date']}  {_km(d)} in {d['day_trips']} trips, {origin}, source {d['source']}"
    if d["imported"]:
        yield "  its file:" if d["file_is_certain"] else f"  one of {len(d['files'])} files that the ledger has of this source:"
        yield from (f"    {x}" for x in d["files"][:3])
        return
    if not d["trips_agree"]:
        yield "  DIFFERENT: the trips' distances do not add up to the day's"
    for trip in d["trips"]:
        yield from _trip(trip)
    if d["trips_left_out"]:
        yield f"  and {d['trips_left_out']} more trips"


def _trip(t: dict[str, Any]) -> Iterator[str]:
    minutes = ", ".join(
        f"{name} {t[f'{name}_ms'] / MINUTE_MS:.1f}"
        for name in ("moving", "night", "rush", "speeding", "phone")
        if t[f"{name}_ms"]
    )
    second = "" if t["is_counted"] else ", of a second device: not counted"
    yield f"  trip {t['trip_id'][:12]}  {_at(t['start_ts'])} to {_time(t['end_ts'])} UTC ({t['tz']})  {_km(t)}{second}"
    quality = "" if t["quality"] is None else f"; quality {t['quality']:.3f}"
    yield f"    {t['duration_ms'] / MINUTE_MS:.1f} minutes: {minutes or 'none in motion'}; {t['points']} points{quality}"
    for event in t["events"]:
        yield from _event(event)
    if t["events_left_out"]:
        yield f"    and {t['events_left_out']} more events"
    if t["first_and_last"]:
        yield "    no events; its first and last point:"
        yield from _records(t["first_and_last"])


def _event(e: dict[str, Any]) -> Iterator[str]:
    unit = "m/s over the limit" if e["kind"] == "speeding" else "m/s2"
    peak = "" if e["peak"] is None else f", peak {e['peak']:.2f} {unit}"
    rung = "" if e["rung"] is None else f" rung {e['rung']}"
    kind = f"{e['kind']} {e['direction']}" if e["direction"] else e["kind"]
    yield f"    {kind}{rung}{peak}, {_time(e['start_ts'])} to {_time(e['end_ts'])}"
    yield from _records(e["records"])
    if e["records_left_out"]:
        yield f"        and {e['records_left_out']} more raw records"


def _records(rows: list[dict[str, Any]]) -> Iterator[str]:
    file = None
    for row in rows:
        if row["source_file"] != file:
            file = row["source_file"]
            yield f"      {file}"
        measures = [text.format(row[name]) for name, text in _MEASURES if row[name] is not None]
        measures += ["phone in use"] if row["phone_use"] else []
        yield f"        line {row['source_line']}  {_time(row['event_ts'])}  {'  '.join(measures)}"


def _whole(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _km(of: dict[str, Any]) -> str:
    return f"{of['distance_mm'] / KM_MM:.1f} km"


def _at(text: str) -> str:
    return text[:19].replace("T", " ")


def _time(text: str) -> str:
    """Of an instant in ISO, the time of day, with milliseconds where it has some."""
    time = text.removesuffix("Z").removesuffix("+00:00")[11:]
    return f"{time[:12]}" if "." in time else time
