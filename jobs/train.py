"""`telematics train`: a frame, a model per coverage, a registered candidate each. Promotes nothing."""

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import functions as F

from expectations.gate import make_gate
from jobs.frames import FrameResult, build_frame
from jobs.nights import read_nights
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import TrainingRefused
from registry.log import register
from registry.origin import git_commit
from training.evidence import FrameFacts
from training.frame import needed_columns
from training.metrics import Estimate
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
            f"promote it with `telematics registry promote {self.model} {self.version}`"
        )


def train(lake: Lake, conf: Conf, valuation: dt.date | None = None) -> list[TrainResult]:
    """Train and register a candidate for each coverage of the frame as valued on a date.

    Raises TrainingRefused where there is nothing to train on or too few claims.
    """
    valuation = valuation or valuation_date(lake)
    frame = build_frame(lake, conf, valuation, make_gate(conf.reports_path / "data-docs", f"train-{valuation}"))
    rows = frame.df.select(*needed_columns(frame.spec.feature_version)).toPandas()
    if rows.empty:
        raise TrainingRefused(
            f"the frame valued {frame.valuation} has no rows: 0 claims, at least {conf.training.min_claims} are needed"
        )
    version = lake.version(frame.name)
    results = []
    for coverage, part in rows.groupby("coverage", sort=True):
        evidence = fit(part, conf.training, frame.spec.feature_version)
        logged = register(conf, evidence, lineage_of(lake, conf, frame, version))
        gini = evidence.metrics["frequency_model_gini"]
        results.append(TrainResult(str(coverage), logged.model, logged.version, logged.run_id, frame.hash, evidence.facts, gini))
    return results


def lineage_of(lake: Lake, conf: Conf, frame: FrameResult, version: int | None) -> dict[str, str]:
    """What a version is made from, as tags."""
    return {
        "frame_hash": frame.hash,
        "frame_path": lake.path(frame.name),
        "frame_delta_version": str(version),
        "feature_version": frame.spec.feature_version,
        "valuation": frame.valuation.isoformat(),
        "git_commit": git_commit(),
        "seed": str(conf.training.seed),
        "left_out": ", ".join(f"{n:,} {why}" for why, n in frame.left_out.items()) or "nothing",
    }


def valuation_date(lake: Lake) -> dt.date:
    """The last published night, else the last day of driving that the lake knows; never the clock."""
    published = read_nights(lake).published
    if published:
        return published[-1]
    last: dt.date | None = lake.read("gold.policy_days").agg(F.max("local_date")).collect()[0][0]
    if last is None:
        raise TrainingRefused("no night is published and no driving is known: load history or run `telematics nightly` first")
    return last
