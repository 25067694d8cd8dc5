"""`telematics explain-policy`: from a published score back to its features, days, trips, events and raw records, all as known at
the night's cutoff. Nothing is written, and no position is read."""

import datetime as dt
import difflib
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs import explaining_days, explaining_model
from jobs.looking import plain
from jobs.nights import read_nights
from jobs.score_rows import MISSING_FEATURE, NO_CONSENT, STALE_DEVICE
from lake.clock import cutoff
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import LakeError
from lake.features import Feature, feature_list
from lake.tables import SCORES
from registry.store import CHAMPION
from transforms.consent import PRICING
from transforms.lineage import total
from transforms.windows import days_before, window_features

TABLE = SCORES.name
NAMED_DATES = 2
_FACTS = tuple(x for x in SCORES.names if x not in ("policy_id", "score_date", "role", "reasons"))


@dataclass(frozen=True)
class Asked:
    """Which score, optionally of one vehicle or coverage, of which feature, and how many rows of each kind at most."""

    policy_id: str
    date: dt.date
    vehicle_id: str | None = None
    coverage: str | None = None
    role: str = CHAMPION
    feature: str | None = None
    limit: int = 3

    @property
    def cutoff(self) -> dt.datetime:
        """What was received from here on is not in the score."""
        return cutoff(self.date)


def explain(lake: Lake, conf: Conf, asked: Asked) -> dict[str, Any]:
    """The explanation, as JSON knows it.

    Raises LakeError for a policy that is not known, a date it has no score on (naming those next to it), and a vehicle, coverage
    or feature that its scores do not have (naming those they have), and for a role that scores without reasons.
    """
    found = _scores(lake, asked)
    if any(row["base"] is None for row in found):
        raise LakeError(f"{asked.role} scored in shadow, without reasons: `telematics show {TABLE}` has its prices")
    scores = [_explained(lake, conf, asked, row) for row in found]
    is_published = asked.date in read_nights(lake).published
    head = {"policy_id": asked.policy_id, "date": asked.date, "cutoff_ts": asked.cutoff, "role": asked.role}
    whole: dict[str, Any] = _plain({**head, "published": is_published, "scores": scores})
    return whole


def _plain(value: Any) -> Any:
    """`plain`, also within dictionaries."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else plain(value)


def _scores(lake: Lake, asked: Asked) -> list[Row]:
    ours = lake.read(TABLE).where((F.col("policy_id") == asked.policy_id) & (F.col("role") == asked.role))
    rows = ours.where(F.col("score_date") == F.lit(asked.date)).orderBy("vehicle_id", "coverage").collect()
    if not rows:
        raise LakeError(_why_none(lake, ours, asked))
    for name in ("vehicle_id", "coverage"):
        wanted, there = getattr(asked, name), sorted({row[name] for row in rows})
        if wanted is not None and wanted not in there:
            what = name.removesuffix("_id")
            raise LakeError(f"policy {asked.policy_id} has no score of {what} '{wanted}' on {asked.date}: {', '.join(there)}")
        rows = [row for row in rows if wanted in (None, row[name])]
    return rows


def _why_none(lake: Lake, ours: DataFrame, asked: Asked) -> str:
    dates = sorted(row[0] for row in ours.select("score_date").distinct().collect())
    if dates:
        near = sorted(sorted(dates, key=lambda d: abs(d - asked.date))[:NAMED_DATES])
        named = ", ".join(map(str, near))
        return f"policy {asked.policy_id} has no score of {asked.date} as {asked.role}: the nearest are of {named}"
    known = not lake.read("reference.policies").where(F.col("policy_id") == asked.policy_id).isEmpty()
    return f"policy {asked.policy_id} was never scored as {asked.role}" if known else f"unknown policy '{asked.policy_id}'"


def _explained(lake: Lake, conf: Conf, asked: Asked, score: Row) -> dict[str, Any]:
    facts = {name: score[name] for name in _FACTS}
    if score["fallback_reason"] == NO_CONSENT:
        # nothing that was observed is stated of whom it may not be used for
        said = explaining_model.told(conf, score, {})
        return {**facts, **said, "why_fallback": _consents(lake, asked), "features": [], "stored": None, "days": []}
    known = lake.read_known("gold.policy_days", asked.cutoff).where(days_before([asked.date]))
    days = known.where(F.col("vehicle_id") == score["vehicle_id"]).persist()
    try:
        stored, computed = _values(lake, asked, score, days)
        features = _features(asked, score, stored, computed)
        rows, shown = explaining_days.contributing(days, [f for f, _ in features], asked)
        detail = explaining_days.detail(lake, conf, asked, score["vehicle_id"], [f for f, _ in features], shown)
        why = _why(lake, asked, score, rows) if score["fallback"] else None
        told = [_feature(f, reason, rows, asked, stored, computed) for f, reason in features]
    finally:
        days.unpersist()
    compared = {"policy_days": len(rows), **_compared(stored, computed)}
    said = explaining_model.told(conf, score, stored or computed)
    return {**facts, **said, "why_fallback": why, "features": told, "stored": compared, "days": detail}


def _why(lake: Lake, asked: Asked, score: Row, rows: list[Any]) -> str:
    """Why a policy with consent has the fallback."""
    if score["fallback_reason"] == STALE_DEVICE:
        return "the car drove within the year, but nothing has come of it for so long that a price would rest on old driving"
    if score["fallback_reason"] == MISSING_FEATURE:
        return "a feature is not observed that always was in training, so the model has not learned what to say"
    return _devices(lake, asked, score["vehicle_id"], rows)


def _values(lake: Lake, asked: Asked, score: Row, days: DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    """The vehicle's features as stored, empty where they are gone, and as these days give them."""
    version, vehicle = score["lineage"]["feature_version"], score["vehicle_id"]
    of_date = (F.col("as_of_date") == F.lit(asked.date)) & (F.col("feature_version") == version)
    kept = lake.read("gold.policy_features").where(of_date & (F.col("vehicle_id") == vehicle)).collect()
    wanted = lake.spark.createDataFrame([(vehicle, asked.date)], "vehicle_id string, as_of_date date")
    made = window_features(days, wanted, version).collect()[0].asDict()
    names = [f.name for f in feature_list(version)]
    return ({n: kept[0][n] for n in names} if kept else {}), {n: made[n] for n in names}


def _compared(stored: dict[str, Any], computed: dict[str, Any]) -> dict[str, Any]:
    """How many features there are, whether they are kept, and which are not what the days give."""
    return {"features": len(computed), "kept": bool(stored), "differ": [n for n in stored if stored[n] != computed[n]]}


def _features(
    asked: Asked, score: Row, stored: dict[str, Any], computed: dict[str, Any]
) -> list[tuple[Feature, dict[str, Any] | None]]:
    """The features to explain with the reasons they gave, if they did: the one that is asked for, or those of the reasons."""
    version = score["lineage"]["feature_version"]
    by_name = {f.name: f for f in feature_list(version)}
    reasons = {r["feature"]: r.asDict() for r in score["reasons"] or []}
    names = [asked.feature] if asked.feature else [n for n in reasons if n in by_name]
    for name in names:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=3) or list(by_name)[:3]
            raise LakeError(f"feature version {version} has no '{name}': for instance {', '.join(near)}")
    return [(by_name[n], reasons.get(n)) for n in names]


def _feature(
    feature: Feature,
    reason: dict[str, Any] | None,
    rows: list[Row],
    asked: Asked,
    stored: dict[str, Any],
    computed: dict[str, Any],
) -> dict[str, Any]:
    name, own = feature.name, explaining_days.ordered(rows, feature.name)
    sums = {
        side: {"name": term, "sum": total(term, (t[side] for _, t in own))} if term is not None else None
        for side, term in (("numerator", feature.numerator), ("denominator", feature.denominator))
    }
    shown = [{"local_date": day["local_date"], "source": day["source"], **_sides(t)} for day, t in own[: asked.limit]]
    return {
        "feature": name, "meaning": feature.meaning, "unit": feature.unit, "window_days": feature.window_days,
        "first_date": asked.date - dt.timedelta(days=feature.window_days), "end_date": asked.date, "formula": feature.formula,
        **sums, "stored": stored.get(name), "recomputed": computed[name],
        "agrees": bool(stored) and stored[name] == computed[name],
        "contribution": reason["contribution"] if reason else None, "text": reason["text"] if reason else None,
        "days": shown, "days_left_out": len(own) - len(shown),
        "days_left_out_adding": sum(bool(t["numerator"]) for _, t in own[asked.limit :]),
    }  # fmt: skip


def _sides(term: Row) -> dict[str, Any]:
    return {side: term[side] for side in ("numerator", "denominator")}


def _consents(lake: Lake, asked: Asked) -> str:
    known = lake.read_known("reference.consents", asked.cutoff)
    rows = known.where((F.col("policy_id") == asked.policy_id) & (F.col("purpose") == PRICING)).orderBy("valid_from").collect()
    said = [f"from {r['valid_from']:%Y-%m-%d %H:%M} to {r['valid_to']:%Y-%m-%d %H:%M} UTC" for r in rows if r["valid_to"]]
    had = f"it had one {'; '.join(said)}" if said else "none was known"
    return f"no consent to {PRICING} held at {asked.cutoff:%Y-%m-%d %H:%M} UTC as known then: {had}"


def _devices(lake: Lake, asked: Asked, vehicle_id: str, rows: list[Row]) -> str:
    known = lake.read_known("reference.devices", asked.cutoff).where(F.col("vehicle_id") == vehicle_id)
    count = known.select("device_id").distinct().count()
    sat = f"{count} device(s) known for the car" if count else "no device was known for the car"
    return f"{len(rows)} policy days in the 365 days before {asked.date}, as known at the cutoff: {sat}"
