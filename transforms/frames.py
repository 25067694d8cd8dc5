"""Training frames: policies as they were known at t0, with what happened to them in [t0, t0 + horizon).

Knowledge, per part: who is in the frame, rating factors, consent and features are as known at t0, as they would have
been for a score that night; exposure and claims are as known at the valuation, when the outcome had matured.
"""

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.clock import as_known, cutoff, cutoff_of, known_at
from lake.errors import TrainingRefused
from lake.features import FEATURE_VERSION_1, feature_list
from transforms.claims import EVENT, MATCHED, OTHER_CURRENCY, claims_in, match_claims
from transforms.consent import PRICING
from transforms.exposure import COVER_KEY, earned_exposure, valid_at
from transforms.windows import days_before, window_features

INCLUDED, NO_CONSENT = "included", "no_consent"
_ROW = (*COVER_KEY, "as_of_date")
_IN_CURRENCY = (*COVER_KEY, "currency")
"""A row is in one currency: cover in another earns it no exposure, as claims on that cover do not count."""


@dataclass(frozen=True)
class FrameSpec:
    """Which frame: t0 = cutoff(as_of_date) per date, oldest first, and the date at whose cutoff outcomes are valued."""

    as_of_dates: tuple[dt.date, ...]
    horizon_days: int
    valuation: dt.date
    feature_version: str = FEATURE_VERSION_1

    def __post_init__(self) -> None:
        """Raise TrainingRefused for a horizon that has not ended at the valuation: its claims would be taken for all."""
        end = max(self.as_of_dates, default=self.valuation) + dt.timedelta(days=self.horizon_days)
        if self.as_of_dates and end > self.valuation:
            raise TrainingRefused(f"the horizon that ends on {end} is over only after the valuation {self.valuation}")


@dataclass(frozen=True)
class Sources:
    """Tables with all their versions, or as known at any time from the valuation's cutoff on."""

    policies: DataFrame
    consents: DataFrame
    claims: DataFrame
    days: DataFrame


def as_of_dates(valuation: dt.date, horizon_days: int, maturity_days: int, count: int) -> tuple[dt.date, ...]:
    """`count` dates a horizon apart, oldest first; the last horizon ends `maturity_days` before the valuation."""
    last = valuation - dt.timedelta(days=maturity_days + horizon_days)
    return tuple(last - dt.timedelta(days=horizon_days * n) for n in reversed(range(count)))


def population(policies: DataFrame, consents: DataFrame, spec: FrameSpec) -> DataFrame:
    """Cover in force at each t0, as known then: key, as_of_date, start_ts, end_ts, currency, base_premium_minor and
    `outcome`, which is `included` or `no_consent`. Of overlapping rows the one that began last."""
    dates = F.explode(F.array(*(F.lit(d) for d in spec.as_of_dates)))
    t0 = cutoff_of(F.col("as_of_date"))
    now = known_at(t0) & valid_at(t0)
    rated = policies.withColumn("as_of_date", dates).where(now).groupBy(*_ROW).agg(
        *(F.max_by(x, "valid_from").alias(x) for x in ("currency", "base_premium_minor"))
    )  # fmt: skip
    agreed = consents.where(F.col("purpose") == PRICING).withColumn("as_of_date", dates).where(now)
    agreed = agreed.select("policy_id", "as_of_date", F.lit(True).alias("_agreed")).distinct()
    outcome = F.when(F.col("_agreed"), INCLUDED).otherwise(NO_CONSENT).alias("outcome")
    span = (t0.alias("start_ts"), cutoff_of(F.date_add("as_of_date", spec.horizon_days)).alias("end_ts"))
    joined = rated.join(agreed, on=["policy_id", "as_of_date"], how="left")
    return joined.select(*_ROW, *span, "currency", "base_premium_minor", outcome)


def training_frame(sources: Sources, spec: FrameSpec) -> DataFrame:
    """The frame, in the columns of `frames.<hash>`: a row per policy, vehicle, coverage and as_of_date that was in force
    with consent at t0 and earned exposure after it."""
    valued = cutoff(spec.valuation)
    policies = as_known(sources.policies, valued)
    included = population(sources.policies, sources.consents, spec).where(F.col("outcome") == INCLUDED).drop("outcome")
    exposed = earned_exposure(policies, included, _IN_CURRENCY).where("exposure_years > 0")
    labelled = claims_in(exposed, match_claims(as_known(sources.claims, valued), policies))
    days = sources.days.where(days_before(spec.as_of_dates))
    features = window_features(days, included.select("vehicle_id", "as_of_date"), spec.feature_version)
    maturity = F.date_diff(F.lit(spec.valuation), F.date_add("as_of_date", spec.horizon_days)).alias("maturity_days")
    return labelled.join(features, on=["vehicle_id", "as_of_date"], how="left").select(
        *_ROW, "exposure_years", "claims", "incurred_minor", "currency", "base_premium_minor", maturity,
        *(f.name for f in feature_list(spec.feature_version)),
    )  # fmt: skip


def left_out(sources: Sources, spec: FrameSpec) -> DataFrame:
    """`kind` (cover or claim), `reason` and `rows` for what the horizons hold and the frame does not count as it stands.

    Cover: `no_consent` at t0, `no_exposure` after it. Claims that occurred in a horizon: the outcomes of
    `match_claims` other than an event, `not_in_frame` on cover that is not in the frame, and `other_currency` than its row's.
    """
    valued = cutoff(spec.valuation)
    policies = as_known(sources.policies, valued)
    spans = earned_exposure(policies, population(sources.policies, sources.consents, spec), _IN_CURRENCY)
    cover_reason = F.when(F.col("outcome") == NO_CONSENT, NO_CONSENT).when(F.col("exposure_years") <= 0, "no_exposure")
    cover = spans.select(F.lit("cover").alias("kind"), cover_reason.alias("reason"))
    kept = spans.where(cover_reason.isNull()).select(*COVER_KEY, "start_ts", "end_ts", F.col("currency").alias("_currency"))
    claims = match_claims(as_known(sources.claims, valued), policies).where(_in_a_horizon(spec))
    inside = (F.col("occurred_ts") >= F.col("start_ts")) & (F.col("occurred_ts") < F.col("end_ts"))
    placed = claims.join(kept, on=[*(claims[x] == kept[x] for x in COVER_KEY), inside], how="left")
    is_matched = F.col("outcome").isin(*MATCHED)
    claim_reason = (
        F.when(is_matched & F.col("_currency").isNull(), "not_in_frame")
        .when(is_matched & (F.col("currency") != F.col("_currency")), OTHER_CURRENCY)
        .when(F.col("outcome") != EVENT, F.col("outcome"))
    )
    lost = placed.select(F.lit("claim").alias("kind"), claim_reason.alias("reason"))
    return cover.unionByName(lost).where("reason IS NOT NULL").groupBy("kind", "reason").agg(F.count(F.lit(1)).alias("rows"))


def _in_a_horizon(spec: FrameSpec) -> Column:
    inside = F.lit(False)
    for date in spec.as_of_dates:
        end = cutoff(date + dt.timedelta(days=spec.horizon_days))
        inside |= (F.col("occurred_ts") >= F.lit(cutoff(date))) & (F.col("occurred_ts") < F.lit(end))
    return inside
