"""`telematics train`: a frame, a model per coverage, a registered candidate each. Promotes nothing."""

import datetime as dt
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import functions as F

from expectations.gate import make_gate
from jobs.frame_rows import collected, drawn
from jobs.frames import FrameResult, build_frame
from jobs.nights import read_nights
from lake.clock import cutoff
from lake.conf import Conf
from lake.conf_sections import Training
from lake.delta import Lake
from lake.errors import TrainingRefused
from registry.actors import actor
from registry.comparing import rival
from registry.log import register
from registry.origin import git_commit, lock_hash
from registry.store import model_name
from registry.trials import search_of
from training.development import factors_to_ultimate
from training.evidence import FrameFacts
from training.fitting import Progress
from training.frame import MINOR_PER_UNIT, needed_columns
from training.metrics import Estimate
from training.pipeline import Around
from training.pipeline import train as fit


@dataclass(frozen=True)
class TrainResult:
    """A registered candidate of one coverage."""

    coverage: str
    model: str
    version: str
    run_id: str
    frame_hash: str
    facts: FrameFacts
    gini: Estimate

    def describe(self) -> str:
        """One line with the claims it was trained on and how well it ranks policies it has not seen."""
        f = self.facts
        return (
            f"registered {self.model} version {self.version}: {f.claims:,} claims in {f.exposure_years:,.0f} car-years of "
            f"{f.policies:,} policies, Gini {self.gini} on {f.test_policies:,} unseen policies; "
            f"see `telematics registry show {self.model} {self.version}`"
        )


def train(lake: Lake, conf: Conf, valuation: dt.date | None = None, author: str | None = None) -> list[TrainResult]:
    """Train and register a candidate for each coverage of the frame as valued on a date.

    Raises TrainingRefused where there is nothing to train on or too few claims.
    """
    valuation = valuation or valuation_date(lake)
    frame = build_frame(lake, conf, valuation, make_gate(conf.reports_path / "data-docs", f"train-{valuation}"))
    coverages = [r["coverage"] for r in frame.df.select("coverage").distinct().orderBy("coverage").collect()]
    if not coverages:
        raise TrainingRefused(
            f"the frame valued {frame.valuation} has no rows: 0 claims, at least {conf.training.min_claims} are needed"
        )
    version, groups = lake.version(frame.name), _groups(lake)
    results = []
    for coverage in coverages:
        champion = rival(conf, model_name(coverage))
        grown = _development(lake, conf, coverage, frame.valuation)
        around = Around(_progress(conf, coverage, frame.hash), groups, champion.scorer if champion else None, grown)
        part, undrawn = _rows(frame, coverage, conf.training)
        evidence = fit(part, conf.training, frame.spec.feature_version, around)
        if champion is not None:
            champion.noted(evidence.assessed["champion_diff"], split_of(conf))
        logged = register(conf, evidence, lineage_of(lake, conf, frame, version, undrawn), actor(conf, author))
        gini = evidence.metrics["frequency_model_gini"]
        results.append(TrainResult(coverage, logged.model, logged.version, logged.run_id, frame.hash, evidence.facts, gini))
    return results


def _rows(frame: FrameResult, coverage: str, spec: Training) -> tuple[pd.DataFrame, int]:
    """Of a coverage: those to train on, and how many were not drawn."""
    rows = frame.df.where(F.col("coverage") == coverage).select(*needed_columns(frame.spec.feature_version))
    count = rows.count()
    found = collected(drawn(rows, count, "policy_id", spec.most_rows, spec.seed), min(count, spec.most_rows), "policy_id")
    return found, count - len(found)


def _progress(conf: Conf, coverage: str, frame_hash: str) -> Progress:
    if not conf.training.search_trials:
        return Progress()
    what = {"frame": frame_hash, "coverage": coverage, "training": conf.training.model_dump(exclude={"search_trials"})}
    return search_of(conf, model_name(coverage), what).progress()


def _development(lake: Lake, conf: Conf, coverage: str, valuation: dt.date) -> dict[int, float] | None:
    """Factors from every state of the coverage's claims that was known at the valuation; None where amounts stay as they are."""
    if conf.training.development == "none":
        return None
    at = cutoff(valuation)
    rows = lake.read("reference.claims").where((F.col("coverage") == coverage) & (F.col("known_from") < F.lit(at)))
    incurred = (F.col("incurred_minor") / MINOR_PER_UNIT).alias("incurred")
    states = rows.select("claim_id", "occurred_ts", "known_from", incurred).toPandas()
    # the session's zone is UTC, and pandas is given times without one
    return factors_to_ultimate(states, pd.Timestamp(at).tz_convert(None))


def _groups(lake: Lake) -> pd.DataFrame:
    """Groups for the fairness of prices, which no transform and no model reads."""
    found = lake.read("reference.fairness_groups").where(F.col("known_to").isNull())
    return collected(found.select("policy_id", "group_name", "probability"), found.count(), "policy_id")


def lineage_of(lake: Lake, conf: Conf, frame: FrameResult, version: int | None, undrawn: int) -> dict[str, str]:
    """What a version is made from, as tags."""
    left_out = frame.left_out | ({"rows of policies that were not drawn": undrawn} if undrawn else {})
    return {
        "frame_hash": frame.hash,
        "frame_path": lake.path(frame.name),
        "frame_delta_version": str(version),
        "feature_version": frame.spec.feature_version,
        "valuation": frame.valuation.isoformat(),
        "git_commit": git_commit(),
        "lock_sha256": lock_hash(),
        "expectations": "passed",
        "seed": str(conf.training.seed),
        "split": split_of(conf),
        "left_out": ", ".join(f"{n:,} {why}" for why, n in left_out.items()) or "nothing",
    }


def split_of(conf: Conf) -> str:
    """What decides which policies are never trained on."""
    return f"seed {conf.training.seed}, share {conf.training.test_share:g}, by policy"


def valuation_date(lake: Lake) -> dt.date:
    """The last published night, else the last day of driving that the lake knows; never the clock."""
    published = read_nights(lake).published
    if published:
        return published[-1]
    last: dt.date | None = lake.read("gold.policy_days").agg(F.max("local_date")).collect()[0][0]
    if last is None:
        raise TrainingRefused("no night is published and no driving is known: load history or run `telematics nightly` first")
    return last
