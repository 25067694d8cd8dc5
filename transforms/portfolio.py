"""Credibility in a night's portfolio: what its vehicles' rates say about each other, and the rates pulled to their mean by it."""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from lake.features import WINDOWS_DAYS, Feature
from transforms.credibility import Estimate, Moments, estimated, shrunk_to
from transforms.feature_values import ROUNDED_DIGITS

EXACT = "decimal(30,9)"
"""Products of rates and distances are added up as whole numbers of 1e-9, in whatever order."""
_DIGITS = 60
_PARTS = ("km", "weighted", "squares", "spread", "within")


def credible_values(features: DataFrame, credible: Sequence[Feature], found: Mapping[str, Estimate]) -> DataFrame:
    """Features with the `credible` ones added: null where nothing is known of the portfolio, and its mean of a vehicle
    whose own rate is not known."""
    return features.withColumns({f.name: _credible(f, found.get(f.numerator)) for f in credible})


def _credible(feature: Feature, by: Estimate | None) -> Column:
    if by is None:
        return F.lit(None).cast("double")
    if feature.denominator is None:
        raise ValueError(f"{feature.name} is no rate: it has no denominator")
    own = shrunk_to(F.lit(by.mean), F.col(feature.numerator), F.col(feature.denominator), F.lit(by.k_km))
    return F.round(F.coalesce(own, F.lit(by.mean)), ROUNDED_DIGITS)


def of_portfolio(features: DataFrame, rates: Sequence[Feature]) -> dict[str, Estimate]:
    """The estimate for each rate, by its name, from the features of a night's vehicles; a rate that no vehicle has is left out.

    Disjoint periods come out of nested windows, as training does it: the period between two windows has the difference of their
    distances and of their products rate * distance. One pass over the rows, whose sums do not depend on their order.
    """
    kept = features.select(*(_of_vehicle(f).alias(f.name) for f in rates))
    sums = [F.sum(F.col(f.name)[part].cast(EXACT)).alias(f"{f.name}_{part}") for f in rates for part in _PARTS]
    counts = [
        value.alias(f"{f.name}_{part}")
        for f in rates
        for part, value in (("vehicles", F.count(f.name)), ("repeats", F.sum(F.col(f.name)["repeats"])))
    ]
    row = kept.agg(*sums, *counts).collect()[0]
    return {f.name: estimated(_moments(row, f.name)) for f in rates if row[f"{f.name}_vehicles"]}


def _moments(row: Row, name: str) -> Moments:
    km, weighted, squares, spread, within = (row[f"{name}_{part}"] for part in _PARTS)
    with localcontext(Context(prec=_DIGITS)):
        # sum km (rate - mean)^2 = sum km rate^2 - (sum km rate)^2 / sum km
        around_mean, mean = Decimal(spread) - weighted * weighted / km, weighted / km
    return Moments(
        vehicles=row[f"{name}_vehicles"], km=float(km), squares=float(squares), mean=float(mean),
        spread=float(max(around_mean, Decimal(0))), within=float(within), repeats=row[f"{name}_repeats"],
    )  # fmt: skip


def _of_vehicle(rate: Feature) -> Column:
    """What a vehicle adds to the sums, as a struct; null where its rate is not known."""
    periods = F.array(*(F.struct(km.alias("km"), x.alias("rate")) for km, x in _periods(rate.stem, rate.exposure)))
    with_driving = F.filter(periods, lambda p: p["km"] > 0)
    km = _total(with_driving, lambda p: p["km"])
    weighted = _total(with_driving, lambda p: p["km"] * p["rate"])
    own = F.try_divide(weighted, km)
    parts = {
        "km": km, "weighted": weighted, "squares": km * km, "spread": weighted * own,
        "within": _total(with_driving, lambda p: p["km"] * (p["rate"] - own) * (p["rate"] - own)),
        "repeats": F.size(with_driving) - 1,
    }  # fmt: skip
    return F.when(km > 0, F.struct(*(value.alias(name) for name, value in parts.items())))


def _periods(stem: str, exposure: str) -> list[tuple[Column, Column]]:
    """(km, rate) of the time between each window and the next shorter one."""
    known = [F.when(F.col(f"{stem}_{w}").isNotNull(), F.col(f"{exposure}_{w}")).otherwise(0.0) for w in WINDOWS_DAYS]
    amounts = [km * F.coalesce(F.col(f"{stem}_{w}"), F.lit(0.0)) for km, w in zip(known, WINDOWS_DAYS, strict=True)]
    shorter = [F.lit(0.0), *known], [F.lit(0.0), *amounts]
    steps = [a - b for a, b in zip(known, shorter[0], strict=False)]
    added = [F.greatest(a - b, F.lit(0.0)) for a, b in zip(amounts, shorter[1], strict=False)]
    return [(km, F.coalesce(F.try_divide(amount, km), F.lit(0.0))) for km, amount in zip(steps, added, strict=True)]


def _total(periods: Column, value: Any) -> Column:
    return F.aggregate(F.transform(periods, value), F.lit(0.0), lambda so_far, x: so_far + x)
