"""Claims matched to cover, and what each counts for.

Rules, as of a valuation (claims and policies as known then):
- A claim is one row however often it was reopened: its state is the one known at the valuation.
- It belongs to the policy, vehicle and coverage it names, if that was in force when the loss occurred.
- Its incurred amount enters whatever its sign: a recourse lowers what the policy cost.
- It is one claim event where the amount is positive. A claim closed at nothing or not yet reserved (`nil`) and a recourse
  that is a claim of its own (`recourse`) are no events, so that frequency times mean amount is what was paid.
- It is left out, and counted with the reason, where no policy of that id is known (`unknown_policy`), the policy did not
  cover that vehicle and coverage at the time (`not_in_force`), or its currency is not the policy's (`other_currency`).
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.exposure import COVER_KEY

EVENT, NIL, RECOURSE = "event", "nil", "recourse"
UNKNOWN_POLICY, NOT_IN_FORCE, OTHER_CURRENCY = "unknown_policy", "not_in_force", "other_currency"
MATCHED = (EVENT, NIL, RECOURSE)
_CLAIM = ("claim_id", *COVER_KEY, "occurred_ts", "currency")


def match_claims(claims: DataFrame, policies: DataFrame) -> DataFrame:
    """Every claim once, with `outcome` (see the module): claim_id, key of the cover, occurred_ts, currency, incurred_minor
    (null is 0) and outcome. Both inputs as known at the valuation."""
    covered = F.col("c.occurred_ts") >= F.col("p.valid_from")
    covered &= F.col("p.valid_to").isNull() | (F.col("c.occurred_ts") < F.col("p.valid_to"))
    same_cover = (F.col("c.vehicle_id") == F.col("p.vehicle_id")) & (F.col("c.coverage") == F.col("p.coverage"))
    joined = claims.alias("c").join(policies.alias("p"), on=F.col("c.policy_id") == F.col("p.policy_id"), how="left")
    facts = (
        *(F.first(f"c.{x}").alias(x) for x in _CLAIM[1:]),
        F.first(F.coalesce("c.incurred_minor", F.lit(0))).alias("incurred_minor"),
        F.max(F.col("p.policy_id").isNotNull()).alias("_known"),
        F.max(same_cover & covered).alias("_covered"),
        F.max(same_cover & covered & (F.col("c.currency") == F.col("p.currency"))).alias("_same_currency"),
    )
    return (
        joined.groupBy(F.col("c.claim_id").alias("claim_id"))
        .agg(*facts)
        .select(*_CLAIM, "incurred_minor", _outcome().alias("outcome"))
    )


def _outcome() -> Column:
    return (
        F.when(~F.col("_known"), UNKNOWN_POLICY)
        .when(~F.coalesce("_covered", F.lit(False)), NOT_IN_FORCE)
        .when(~F.coalesce("_same_currency", F.lit(False)), OTHER_CURRENCY)
        .when(F.col("incurred_minor") > 0, EVENT)
        .when(F.col("incurred_minor") < 0, RECOURSE)
        .otherwise(NIL)
    )


def claims_in(spans: DataFrame, matched: DataFrame) -> DataFrame:
    """Spans with `claims` (events) and `incurred_minor` of the matched claims in the span's currency that occurred in
    [start_ts, end_ts); else 0.

    `spans` as for `earned_exposure`, with currency; `matched` comes from `match_claims`.
    """
    key = [*COVER_KEY, "start_ts"]
    of_cover = [*COVER_KEY, "currency"]
    facts = matched.where(F.col("outcome").isin(*MATCHED)).select(*of_cover, "occurred_ts", "incurred_minor", "outcome")
    inside = (F.col("occurred_ts") >= F.col("start_ts")) & (F.col("occurred_ts") < F.col("end_ts"))
    sums = (
        spans.select(*key, "currency", "end_ts")
        .join(facts, on=of_cover, how="inner")
        .where(inside)
        .groupBy(*key)
        .agg(F.count_if(F.col("outcome") == EVENT).alias("claims"), F.sum("incurred_minor").alias("incurred_minor"))
    )
    return spans.join(sums, on=key, how="left").fillna(0, ["claims", "incurred_minor"])
