"""The small aggregates that the page of a night is made of, read from published tables."""

import datetime as dt
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from expectations.row_rules import POSITION_IS_NOT_KEPT
from jobs import page_volume
from jobs.catalog import NAMES
from jobs.context import JobContext, cores
from jobs.nights import read_nights
from jobs.nights_history import cost, minutes_late, seconds_taken
from jobs.page_fallbacks import counts, usual
from jobs.score_change import OTHERS
from lake.features import FEATURES
from monitoring.night import Book, Mover, Outcome, Shift, Source
from monitoring.performance import FAIRNESS
from monitoring.sequential import to_one
from registry.store import CHAMPION
from transforms.exposure import COVER_KEY, valid_at

WEEK = dt.timedelta(days=7)
NEVER = dt.date.min
MOVERS, SHIFTS, QUARANTINE_REASONS = 10, 12, 15
"""Rows shown of each table."""
REFUSED_FILES = 3
"""Named of a source."""
MOVES = (0.05, 0.10, 0.25)
"""Relative changes whose policies are counted, as in the champion diff."""
PERSISTENCE_NIGHTS = 5
ATTEMPT = ("night_date", "job", "status", "started_at", "finished_at", "seconds")
SHOWN_REASONS = 3


def champion_scores(ctx: JobContext) -> DataFrame:
    """Scores by the champion, all nights; a filter on score_date prunes partitions."""
    return ctx.lake.read("gold.policy_scores").where(F.col("role") == CHAMPION)


def on_date(ctx: JobContext, column: str = "score_date") -> Column:
    """Rows of the night."""
    return F.col(column) == F.lit(ctx.date)


def _new(ctx: JobContext) -> Column:
    """Received since the night before, so no published night has seen it."""
    return (F.col("received_ts") >= F.lit(ctx.since)) & (F.col("received_ts") < F.lit(ctx.cutoff))


def totals(ctx: JobContext) -> list[Row]:
    """Sums by night (tonight, the one before, a week before), coverage, currency, fallback reason and lineage: a few rows."""
    dates = [d for d in (ctx.date, ctx.previous_scores, ctx.date - WEEK) if d]
    scores = champion_scores(ctx).where(F.col("score_date").isin(dates))
    lineage = [F.col(f"lineage.{x}").alias(x) for x in ("model_name", "model_version", "frame_hash", "feature_version")]
    moves = [F.count_if(F.abs("change") > limit).alias(f"moved_{limit}") for limit in MOVES]
    kept = scores.select("score_date", "coverage", "currency", "fallback_reason", "fallback", "pure_premium", "change", *lineage)
    by = kept.groupBy("score_date", "coverage", "currency", "fallback_reason", "fallback", *(x for x in kept.columns[7:]))
    return by.agg(F.count(F.lit(1)).alias("rows"), F.sum("pure_premium").alias("total"), *moves).collect()


def books(rows: list[Row], date: dt.date, previous: dt.date | None) -> list[Book]:
    """Mean and total pure premium per coverage and currency, beside those of earlier nights."""
    sums: dict[tuple[dt.date, str, str], list[float]] = {}
    for r in rows:
        entry = sums.setdefault((r["score_date"], r["coverage"], r["currency"]), [0, 0.0])
        entry[0] += r["rows"]
        entry[1] += r["total"]
    means = {k: total / n for k, (n, total) in sums.items()}
    now, lately = counts(rows, date), usual(rows, (previous or NEVER, date - WEEK))
    found = []
    for (day, coverage, currency), (n, total) in sorted(sums.items()):
        if day == date:
            before = (previous or NEVER, coverage, currency)
            found.append(Book(
                coverage=coverage, currency=currency, scored=int(n), mean=total / n, total=total,
                mean_before=means.get(before), total_before=sums[before][1] if before in sums else None,
                mean_week_before=means.get((date - WEEK, coverage, currency)),
                fallbacks=now.get((coverage, currency), {}), usual_fallbacks=lately.get((coverage, currency)),
            ))  # fmt: skip
    return found


def fallbacks(rows: list[Row]) -> dict[str, int]:
    """Tonight's scores by the fallback, by reason."""
    return _counted((r["fallback_reason"] or "no reason given", r["rows"]) for r in rows if r["fallback"])


def moved(rows: list[Row]) -> dict[str, int]:
    """Tonight's scores that changed by more than each of MOVES."""
    return {f"{limit:.0%}": sum(r[f"moved_{limit}"] for r in rows) for limit in MOVES} if rows else {}


def cover(ctx: JobContext) -> tuple[int, int]:
    """(covers in force at the cutoff, those of them without a score)."""
    policies = ctx.lake.read_known("reference.policies", ctx.cutoff).where(valid_at(ctx.cutoff)).select(*COVER_KEY).distinct()
    scored = champion_scores(ctx).where(on_date(ctx)).select(*COVER_KEY, F.lit(True).alias("scored"))
    joined = policies.join(scored, on=list(COVER_KEY), how="left")
    row = joined.agg(F.count(F.lit(1)).alias("n"), F.count_if(F.col("scored").isNull()).alias("missing")).collect()[0]
    return row["n"], row["missing"]


def movers(ctx: JobContext) -> list[Mover]:
    """The prices that changed most in proportion, with what makes tonight's price."""
    scores = champion_scores(ctx).where(on_date(ctx) & F.col("change").isNotNull() & (F.col("change") != 0))
    rows = scores.orderBy(F.abs("change").desc(), *COVER_KEY).limit(MOVERS).collect()
    return [
        Mover(policy_id=r["policy_id"], coverage=r["coverage"], currency=r["currency"], before=r["previous_pure_premium"],
              now=r["pure_premium"], change=r["change"], why=plain(r["change_reason"]),
              reasons=[x["text"] for x in (r["reasons"] or [])[:SHOWN_REASONS]])
        for r in rows
    ]  # fmt: skip


def plain(reason: str | None) -> str:
    """A change reason in words: a feature's text, else the reason itself."""
    texts = {f.name: f"{f.text or f.meaning} (last {f.window_days} days)" for version in FEATURES.values() for f in version}
    return (texts | {OTHERS: "other features together"}).get(reason or "", (reason or "").replace("_", " "))


def outcomes(ctx: JobContext) -> list[Outcome]:
    """Actual against expected, the whole book first; no fairness group of which there are too few policies to state any."""
    is_stated = (F.col("segment") != FAIRNESS) | F.col("log_evidence").isNotNull()
    rows = ctx.lake.read("gold.performance").where(on_date(ctx) & is_stated).collect()
    rows.sort(key=lambda r: (r["segment"] != "all", r["segment"], r["value"]))
    return [
        Outcome(segment=r["segment"], value=r["value"], car_years=r["earned_car_years"] or 0.0, actual=r["actual_claims"] or 0,
                expected=r["expected_claims"] or 0.0, ratio=r["actual_over_expected"], lower=r["lower"], upper=r["upper"],
                maturity_days=r["maturity_days"], mature_claims=r["mature_claims"] or 0,
                mature_expected=r["mature_expected_claims"] or 0.0, off_since=r["off_since"],
                evidence=None if r["log_evidence"] is None else to_one(r["log_evidence"]))
        for r in rows
    ]  # fmt: skip


def watched(ctx: JobContext) -> list[Shift]:
    """Every watched figure of the night, the strongest first, with how often it was beyond its threshold lately."""
    lately = F.col("score_date").between(F.lit(ctx.date - 2 * WEEK), F.lit(ctx.date))
    recent = ctx.lake.read("gold.drift").where(lately).collect()
    last = sorted({r["score_date"] for r in recent})[-PERSISTENCE_NIGHTS:]
    nights = _counted(((r["kind"], r["column"]), 1) for r in recent if r["drifted"] and r["score_date"] in last)
    tonight = [r for r in recent if r["score_date"] == ctx.date]
    tonight.sort(key=lambda r: (not r["drifted"], -r["statistic"] / r["threshold"] if r["threshold"] else 0.0, r["column"]))
    return [_shift(r, nights) for r in tonight]


def strongest(every: list[Shift]) -> list[Shift]:
    """What is shown of each kind: all that drifted, and more up to SHIFTS."""
    shown = []
    for kind in dict.fromkeys(s.kind for s in every):
        of_kind = [s for s in every if s.kind == kind]
        shown += of_kind[: max(SHIFTS, sum(s.drifted for s in of_kind))]
    return shown


def usual_records(ctx: JobContext) -> dict[str, float]:
    """What each source would bring tonight as it usually does."""
    since = ctx.date - page_volume.WEEKS * WEEK
    before = F.col("batch_date").between(F.lit(since), F.lit(ctx.date - dt.timedelta(days=1)))
    by = ctx.lake.read("bronze.ledger").where(before).groupBy("source", "target", "batch_date")
    brought: dict[str, page_volume.Brought] = {}
    for r in by.agg(F.sum("read").alias("n")).collect():
        brought.setdefault(r["source"], page_volume.Brought(r["target"], {})).by_night[r["batch_date"]] = r["n"] or 0
    return page_volume.usual(brought, [d for d in read_nights(ctx.lake).published if since <= d < ctx.date], ctx.date)


def attempts(ctx: JobContext) -> list[Row]:
    """The night's rows of gold.nights so far, with ATTEMPT, in the order in which they ended."""
    rows = ctx.lake.read("gold.nights").where(on_date(ctx, "night_date")).select(*ATTEMPT).collect()
    return sorted(rows, key=lambda r: r["finished_at"])


def spent(ctx: JobContext, rows: list[Row]) -> tuple[float, float]:
    """(vCPU-hours, dollars) of the attempts so far, by the cores that Spark has now."""
    return cost(seconds_taken(rows), cores(ctx.spark), ctx.conf.nightly)


def lateness(ctx: JobContext, rows: list[Row]) -> tuple[str | None, float | None]:
    """(deadline in words, minutes from it to the scores), None where the night has none."""
    late = minutes_late(ctx.date, rows, ctx.conf.nightly.scores_by)
    return (None, None) if late is None else (f"{ctx.conf.nightly.scores_by} UTC", late)


def _shift(r: Row, nights: dict[Any, int]) -> Shift:
    return Shift(
        column=r["column"], kind=r["kind"], unit=r["unit"] or "", statistic=r["statistic"], threshold=r["threshold"],
        drifted=r["drifted"], before=r["reference_mean"], now=r["current_mean"], shift=r["shift"], lower=r["shift_lower"],
        upper=r["shift_upper"], nights=nights.get((r["kind"], r["column"]), 0), p_value=r["p_value"],
    )  # fmt: skip


def received(ctx: JobContext) -> list[Source]:
    """What each source brought, in the files the night took, or that were loaded by hand for it."""
    by_hand = F.col("batch_date").isNull() & _new(ctx)
    ledger = ctx.lake.read("bronze.ledger").where(on_date(ctx, "batch_date") | by_hand)
    sums = [F.sum(x).alias(x) for x in ("read", "accepted", "duplicate", "quarantined")]
    files = [
        F.count_if(F.col("status") == s).alias(n)
        for s, n in (("duplicate_file", "duplicate_files"), ("refused", "refused_files"))
    ]
    bad = F.collect_set(F.when(F.col("status") == "refused", F.struct("source_file", "reason")))
    first = F.slice(F.array_sort(bad), 1, REFUSED_FILES).alias("first")
    rows = ledger.groupBy("source", "target").agg(F.count(F.lit(1)).alias("files"), *files, *sums, first).collect()
    return sorted((_source(**r.asDict()) for r in rows), key=lambda s: (s.target, s.source))


def _source(first: list[Row], **sums: Any) -> Source:
    return Source(**sums, refused={r["source_file"]: r["reason"] or "" for r in first})


def quarantine(ctx: JobContext) -> tuple[dict[str, int], int]:
    """(records that came to quarantine in the night, by reason, of which one may have several; those of them that are only
    withheld, for want of a policy or consent)."""
    together = ctx.lake.read("bronze.quarantine").where(_new(ctx)).groupBy("reasons").count().collect()
    counts = _counted((reason, r["count"]) for r in together for reason in r["reasons"])
    commonest = sorted(counts.items(), key=lambda x: (-x[1], x[0]))[:QUARANTINE_REASONS]
    return dict(commonest), sum(r["count"] for r in together if set(r["reasons"]) <= set(POSITION_IS_NOT_KEPT))


def seconds(rows: list[Row]) -> dict[str, float]:
    """Wall time of the last attempt at each of the night's jobs that finished so far."""
    return {r["job"]: r["seconds"] for r in rows if r["status"] == "finished" and r["job"] in NAMES}


def _counted(pairs: Any) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for name, n in pairs:
        counts[name] = counts.get(name, 0) + n
    return counts
