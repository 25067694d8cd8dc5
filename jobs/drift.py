"""Job `drift`: features, predictions and reasons of the night against the champion's frame, and yesterday against its weekday."""

import threading
from collections.abc import Iterable
from dataclasses import astuple
from importlib import import_module

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.context import JobContext, JobResult
from jobs.drift_daily import daily_drifts
from jobs.drift_reference import Model, Reference, frame_of, reference_of
from jobs.drift_sums import CURRENT, REFERENCE, sample, summaries, vehicles
from jobs.nights import champion_of_record
from lake.delta import Lake
from lake.features import FEATURES
from lake.storage import keep
from lake.stored import Stored
from lake.tables import DRIFT, SCORES
from monitoring.binning import bins_of, summarise
from monitoring.drift import Drift, Monitored, Side, compare
from monitoring.evidently_report import REPORT, write_report
from monitoring.predictions import PREDICTIONS, predictions
from monitoring.reason_shares import reason_drifts
from registry.champion import load
from registry.origins import is_imported
from registry.store import CHAMPION
from training.scorer import Scorer

TABLE = "gold.drift"
REASON_ROWS = 2_000
"""Rows a side and coverage whose reasons are compared: their shares are then known to about a point."""
_SAMPLE_KEY = ("policy_id", "vehicle_id", "coverage", "as_of_date")


def run(ctx: JobContext) -> JobResult:
    """Publish gold.drift for the date, and Evidently's report below nights/<date>. Nothing to do where no policy was scored
    by a model, and of a champion that was imported without its frame only yesterday against its weekday. Raises LakeError where a
    frame is gone."""
    threading.Thread(target=import_module, args=("evidently.metrics",), daemon=True).start()
    scores = by_champions(ctx, modelled_scores(ctx.lake, ctx))
    models = models_of(scores)
    if not models:
        return _nothing(ctx, f"no policy was scored by a model on {ctx.date}: nothing to compare")
    elsewhere = [m for m in models if came_without_frame(ctx, m)]
    with_frame = [m for m in models if m not in elsewhere]
    every = [*(_against_frames(ctx, with_frame, scores) if with_frame else ()), *daily_drifts(ctx)]
    beside = f"; {', '.join(m.model_name for m in elsewhere)} came without a frame" if elsewhere else ""
    if not with_frame:
        _remove_report(ctx)
    if not every:
        return _nothing(ctx, f"nothing to compare{beside}")
    df = ctx.spark.createDataFrame([(ctx.date, *astuple(d)) for d in every], DRIFT.schema).coalesce(1)
    rows = ctx.lake.publish(TABLE, df, _of_night(ctx), ctx.gate)
    gone = [d.column for d in every if d.drifted]
    named = f": {', '.join(gone[:5])}" if gone else ""
    return JobResult(rows, f"{len(gone)} of {rows} columns drifted{named}{beside}", {"drifted": gone})


def _nothing(ctx: JobContext, why: str) -> JobResult:
    """What an earlier run of the night compared was of other scores."""
    ctx.lake.delete_where(TABLE, _of_night(ctx))
    _remove_report(ctx)
    return JobResult(0, why)


def _remove_report(ctx: JobContext) -> None:
    folders = (str(ctx.conf.reports_path / "nights" / f"{ctx.date}"), ctx.conf.kept(f"_reports/nights/{ctx.date}"))
    for folder in filter(None, folders):
        for name in REPORT:
            Stored(folder).remove(name)


def _of_night(ctx: JobContext) -> str:
    """The rows of gold.drift that are of the night."""
    return f"score_date = DATE'{ctx.date}'"


def _against_frames(ctx: JobContext, models: list[Model], scores: DataFrame) -> list[Drift]:
    """Features, predictions and reasons of what these models scored, each against its frame; and Evidently's report of them."""
    columns = monitored({m.feature_version for m in models})
    current = current_rows(ctx, scores.where(F.col("coverage").isin([m.coverage for m in models])))
    frames = {m: frame_of(ctx.lake, m) for m in models}
    scorers = {m.coverage: load(ctx.conf, m.model_name, m.model_version, m.mlflow_run_id).scorer for m in models}
    stale_days = champion_of_record(ctx.lake, ctx.date).get("stale_device_days")
    reference = reference_of(frames, {c: s.spec for c, s in scorers.items()}, stale_days)
    # a row of the frame stands for as much of the book as it was insured; tonight each cover is in force
    drawn = reference.drawn(_SAMPLE_KEY, F.col("exposure_years"))
    current_sample = sample(current, _SAMPLE_KEY, F.lit(1.0))
    reference_sample = _with_predictions(scorers, drawn)
    drifts = _drifts(columns, reference, current, reference_sample)
    folder, kept = ctx.conf.reports_path / "nights" / f"{ctx.date}", ctx.conf.kept(f"_reports/nights/{ctx.date}")
    write_report(folder, f"{ctx.date}", reference_sample, current_sample, drifts)
    keep(folder, kept)
    return [*drifts, *_reasons(models, scorers, reference_sample, current_sample)]


def came_without_frame(ctx: JobContext, model: Model) -> bool:
    """Whether a version was trained for another registry, in whose lake its frame is."""
    if ctx.lake.exists(f"frames.{model.frame_hash}"):
        return False
    return is_imported(ctx.conf, model.model_name, model.model_version)


def monitored(versions: Iterable[str]) -> tuple[Monitored, ...]:
    """The features that all of the versions have, and the predictions, with their units."""
    units = {x.name: x.unit for x in SCORES.columns}
    first, *others = sorted(versions)
    shared = set.intersection(*({f.name for f in FEATURES[v]} for v in (first, *others)))
    features = (Monitored(f.name, "feature", f.unit) for f in FEATURES[first] if f.name in shared)
    return (*features, *(Monitored(n, "prediction", units[n]) for n in PREDICTIONS))


def modelled_scores(lake: Lake, ctx: JobContext) -> DataFrame:
    """The night's scores by the champion's model; the fallback is a constant and would hide a drift."""
    tonight = (F.col("score_date") == F.lit(ctx.date)) & (F.col("role") == CHAMPION)
    return lake.read("gold.policy_scores").where(tonight & ~F.col("fallback"))


def by_champions(ctx: JobContext, scores: DataFrame) -> DataFrame:
    """Without the canaries' share of the covers, which is drawn by chance: a mixture of two models has no frame to be held
    against."""
    recorded = champion_of_record(ctx.lake, ctx.date).get("models", {})
    runs = [run_id for _, _, run_id in recorded.values()]
    return scores.where(F.col("lineage.mlflow_run_id").isin(runs)) if runs else scores


def models_of(scores: DataFrame) -> list[Model]:
    """The versions in the scores' lineage, one a coverage."""
    lineage = [F.col(f"lineage.{x}") for x in ("model_name", "model_version", "mlflow_run_id", "feature_version", "frame_hash")]
    rows = scores.groupBy("coverage", *lineage).count().collect()
    return sorted((Model(*row) for row in rows), key=lambda m: m.coverage)


def current_rows(ctx: JobContext, scores: DataFrame) -> DataFrame:
    """Key, predictions and features of the scored rows, the latter of the version that each was scored with."""
    features = ctx.lake.read("gold.policy_features").where(F.col("as_of_date") == F.lit(ctx.date))
    scored = scores.select("policy_id", "vehicle_id", "coverage", *PREDICTIONS, "lineage.feature_version")
    return scored.join(features, on=["vehicle_id", "feature_version"], how="inner")


def _with_predictions(scorers: dict[str, Scorer], rows: pd.DataFrame) -> pd.DataFrame:
    """The sample of the frame with what each champion predicts for its coverage."""
    parts = [predictions(scorers[str(coverage)], part) for coverage, part in rows.groupby("coverage")]
    return rows.join(pd.concat(parts))


def _reasons(models: list[Model], scorers: dict[str, Scorer], reference: pd.DataFrame, current: pd.DataFrame) -> list[Drift]:
    """Of coverages that both samples have: each model's contributions on its frame and tonight."""
    parts = [{c: _contributions(scorers[c], side[side["coverage"] == c]) for c in scorers} for side in (reference, current)]
    both = {m.coverage: m.scored for m in models if all(len(x[m.coverage]) for x in parts)}
    before, now = ({c: x[c] for c in both} for x in parts)
    return reason_drifts(before, now, both) if both else []


def _contributions(scorer: Scorer, rows: pd.DataFrame) -> pd.DataFrame:
    found = scorer.contributions(rows[:REASON_ROWS])
    return found.set_axis(rows["vehicle_id"][:REASON_ROWS])


def _drifts(
    columns: tuple[Monitored, ...], reference: Reference, current: DataFrame, reference_sample: pd.DataFrame
) -> list[Drift]:
    bins = {c.name: bins_of(reference_sample[c.name].to_numpy(dtype=float)) for c in columns}
    before = reference.summaries({c.name: bins[c.name] for c in columns if c.kind == "feature"})
    before |= {n: summarise(reference_sample[n].to_numpy(dtype=float), bins[n]) for n in PREDICTIONS}
    now = summaries(current.select(F.lit(CURRENT).alias("side"), *bins), bins)
    cars = vehicles(reference.rows, current)
    seen = {"feature": reference.independent(cars[REFERENCE]), "prediction": reference_sample["vehicle_id"].nunique()}
    return [
        compare(c, bins[c.name], Side(before[c.name], seen[c.kind]), Side(now[CURRENT, c.name], cars[CURRENT])) for c in columns
    ]
