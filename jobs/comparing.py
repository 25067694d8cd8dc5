"""What rules make of the same points: two versions of event rules, change by change, and trip gaps beside each other."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from lake.delta import Lake
from lake.driving import DrivingRules
from lake.errors import InputError
from lake.event_rules import EventRules
from lake.sources import RulesByInterval
from lake.table import LADDER_KINDS
from transforms.drives import drives
from transforms.trips import MODE_DRIVING, events_of, trips_of

COMPARISON = ("rules", "events", "brake", "accelerate", "right", "left", "highest_rung", "changed")
GAPS = ("trip_gap_s", "trips", "km", "hours", "median_minutes", "brake", "accelerate", "corner")
MM_PER_KM = 1e6
ANY_INTERVAL_S = 1e6
_SAID = {
    "axes": "{} axes",
    "level_mount": "mount levelled: {}",
    "min_speed_kmh": "at {} km/h or more",
    "merge_gap_s": "merged up to {} s",
    "rungs": "from {}",
}


@dataclass(frozen=True)
class Points:
    """Points of one source between two UTC dates, the last one included."""

    points: DataFrame
    rules: DrivingRules


def points_of(lake: Lake, rules: DrivingRules, first: dt.date | None, last: dt.date | None) -> Points:
    """Raises InputError where the lake has none."""
    name = rules.source.name
    points = lake.read("bronze.points").where(F.col("source") == name)
    if first is not None:
        points = points.where(F.col("event_date") >= F.lit(first))
    if last is not None:
        points = points.where(F.col("event_date") <= F.lit(last))
    if not points.head(1):
        span = f" from {first or 'the first'} to {last or 'the last'}" if first or last else ""
        raise InputError(f"the lake has no points of source '{name}'{span}: load some with `telematics ingest`")
    return Points(points, rules)


def compare_rules(given: Points, one: EventRules, other: EventRules) -> list[Row]:
    """Harsh events by `one`, by each change that leads to `other`, and by `other`, in the columns COMPARISON."""
    return [_counted(given, rules, changed) for rules, changed in _path(one, other)]


def _path(one: EventRules, other: EventRules) -> Iterator[tuple[EventRules, str]]:
    """From one version to the other, one change at a time; what the two axes share comes first or last, so that each is sound."""
    yield one, ""
    between = one
    fields = ("axes", "level_mount", "min_speed_kmh", "merge_gap_s", "rungs")
    for field in fields if other.axes == "apart" else (*fields[1:], "axes"):
        given = (
            {"rungs": other.rungs, "unit": other.unit, "labels": other.labels}
            if field == "rungs"
            else {field: getattr(other, field)}
        )
        changed = between.model_copy(update=given)
        if changed == between:
            continue
        between = changed
        yield between, _SAID[field].format(_value(other, field))


def _value(rules: EventRules, field: str) -> str:
    if field != "rungs":
        value = getattr(rules, field)
        return {"apart": "both", "larger": "the larger of the", "True": "yes", "False": "no"}.get(str(value)) or f"{value:g}"
    lowest = {kind: rules.ladder_mps2(kind)[0] for kind in LADDER_KINDS}
    return ", ".join(f"{value:.2f}" for value in dict.fromkeys(lowest.values())) + " m/s2"


def _counted(given: Points, rules: EventRules, changed: str) -> Row:
    source = given.rules.source
    by_one = source.model_copy(update={"event_rules": (RulesByInterval(up_to_s=ANY_INTERVAL_S, rules=rules.name),)})
    trips = trips_of(drives(given.points, {source.name: replace(given.rules, source=by_one, rules=(rules,))}))
    harsh = events_of(trips).where(F.col("kind").isin(*LADDER_KINDS))
    rows = harsh.groupBy("kind", "direction", "rung").count().collect()

    def total(**wanted: str) -> int:
        return sum(int(r["count"]) for r in rows if all(r[k] == v for k, v in wanted.items()))

    rungs = sorted({int(r["rung"]) for r in rows})
    names = [f"{sum(int(r['count']) for r in rows if r['rung'] == k)} {_label(rules, k)}" for k in rungs]
    values = (total(), total(kind="brake"), total(kind="accelerate"), total(direction="right"), total(direction="left"))
    return Row(*COMPARISON)(rules.name if not changed else "", *values, ", ".join(names), changed)


def _label(rules: EventRules, rung: int) -> str:
    return rules.labels[rung - 1] if len(rules.labels) >= rung else f"rung {rung}"


def compare_gaps(given: Points, gaps_s: list[int]) -> list[Row]:
    """Trips of driving by trip_gap_s, in the columns GAPS."""
    return [_trips_with(given, gap) for gap in sorted(set(gaps_s))]


def _trips_with(given: Points, gap_s: int) -> Row:
    source = given.rules.source.model_copy(update={"trip_gap_s": gap_s})
    trips = trips_of(drives(given.points, {source.name: replace(given.rules, source=source)}))
    driving = trips.where(F.col("mode") == MODE_DRIVING).withColumn("minutes", F.col("duration_ms") / F.lit(60_000))
    counts = [F.sum(F.expr(f"size(filter(events, e -> e.kind = '{kind}'))")) for kind in LADDER_KINDS]
    row = driving.agg(
        F.count(F.lit(1)), F.round(F.sum("distance_mm") / MM_PER_KM, 2), F.round(F.sum("duration_ms") / 3.6e6, 2),
        F.round(F.median("minutes"), 1), *counts,
    ).collect()[0]  # fmt: skip
    return Row(*GAPS)(gap_s, *row)
