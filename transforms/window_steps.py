"""The sums of windows as of a date, from those of an earlier date and the policy days that make the difference.

The sums as of D are over the days known at cutoff(D) in [D - w, D). So those as of an earlier date B become those as of D by
adding, of every version of every day, (is it in the window as of D) - (was it in the window as of B): 1 for days that enter, -1
for days that leave, -1 and 1 for the old and the new version of a day that was restated in between, and 0 for all others,
which need not be read. That holds for any B before D; the closer they are, the less there is to read.
"""

import datetime as dt
from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lake.clock import cutoff, known_at
from lake.feature import VA
from lake.features import WINDOWS_DAYS
from transforms.arrays import added, unless_zero, zeros
from transforms.windows import DRIVEN, LONGEST_DAYS, Term, day_term, days_within

_DAY = dt.timedelta(days=1)


def moved_on(days: DataFrame, sums: DataFrame, before: dt.date, date: dt.date, terms: Sequence[Term]) -> DataFrame:
    """vehicle_id, as_of_date, <name>_<window> of each term and `driven`, as of `date`, for vehicles with a day in the longest
    window. `days` has all versions of gold.policy_days, of which those of `differing` are read, and `sums` the same columns
    as of `before`, an earlier date."""
    changes = _changes(days, before, date, terms)
    old = sums.select("vehicle_id", *(F.col(x).alias(f"_{x}") for x in (*(f"{n}_{w}" for n, w in terms), DRIVEN)))
    both = old.join(changes, on="vehicle_id", how="full_outer")
    now = both.select("vehicle_id", F.lit(date).alias("as_of_date"), *(_sum(*t) for t in terms), _driven(date))
    return now.where(F.size(DRIVEN) > 0)


def differing(days: DataFrame, before: dt.date, date: dt.date) -> DataFrame:
    """The versions of policy days that can make the difference: they enter a window, leave one, or came to be known or ceased to
    be in between.

    Two reads, in literals: files, and pages of files in the order of days, are skipped by local_date; for when things were known
    Spark's Parquet files have no such figures, so a condition on both would read every page.
    """
    entering = days_within(before, date)
    leaving = [days_within(before - w * _DAY, date - w * _DAY) for w in WINDOWS_DAYS]
    crossing = reduce(Column.__or__, leaving, entering)
    since, until = F.lit(cutoff(before)), F.lit(cutoff(date))
    # bare comparisons, or Delta would skip no file by them; a null is no match
    learned = [(F.col(x) >= since) & (F.col(x) < until) for x in ("known_from", "known_to")]
    within = days_within(before - LONGEST_DAYS * _DAY, date)
    return days.where(crossing).unionByName(days.where(within & (learned[0] | learned[1]) & ~crossing))


def with_counts(sums: DataFrame) -> DataFrame:
    """Sums with days_driven_<window> and span_days_<window>, which follow from the numbers of the days driven."""
    end = F.unix_date("as_of_date")

    def inside(window: int) -> Column:
        return F.filter(DRIVEN, lambda day: day >= end - window)

    counts = {f"days_driven_{w}": F.size(inside(w)) for w in WINDOWS_DAYS}
    spans = {f"span_days_{w}": F.coalesce(end - F.get(inside(w), F.lit(0)), F.lit(0)) for w in WINDOWS_DAYS}
    return sums.withColumns({**counts, **spans})


def _changes(days: DataFrame, before: dt.date, date: dt.date, terms: Sequence[Term]) -> DataFrame:
    """Per vehicle, what is added to each sum, and which days come and go."""
    weights = {w: _in_window(w, date).cast("int") - _in_window(w, before).cast("int") for w in WINDOWS_DAYS}
    weighed = differing(days, before, date).withColumns({f"_x{w}": weight for w, weight in weights.items()})
    moving = weighed.where(reduce(Column.__or__, (F.col(f"_x{w}") != 0 for w in WINDOWS_DAYS)))
    day, longest = F.unix_date("local_date"), F.col(f"_x{LONGEST_DAYS}")
    return moving.groupBy("vehicle_id").agg(
        *(_change(name, w).alias(f"{name}_{w}") for name, w in terms),
        F.collect_list(F.when(longest == 1, day)).alias("_come"),
        F.collect_list(F.when(longest == -1, day)).alias("_gone"),
    )


def _in_window(window: int, date: dt.date) -> Column:
    dated = (F.col("local_date") >= F.lit(date - window * _DAY)) & (F.col("local_date") < F.lit(date))
    return dated & known_at(cutoff(date))


def _change(name: str, window: int) -> Column:
    weight = F.col(f"_x{window}")
    if name != VA:
        return F.sum(weight * day_term(name))
    # what does not move is a null, which is not collected
    weighed = F.when(weight != 0, F.transform(VA, lambda x: x * weight))
    return F.aggregate(F.collect_list(weighed), zeros(), added)


def _sum(name: str, window: int) -> Column:
    column = f"{name}_{window}"
    if name == VA:
        return unless_zero(added(*(F.coalesce(x, zeros()) for x in (f"_{column}", column)))).alias(column)
    return (F.coalesce(f"_{column}", F.lit(0)) + F.coalesce(column, F.lit(0))).alias(column)


def _driven(date: dt.date) -> Column:
    """Days that stay, and those that come; a restated one goes and comes."""
    none = F.lit([]).cast("array<int>")
    first = F.unix_date(F.lit(date - LONGEST_DAYS * _DAY))
    kept = F.filter(F.coalesce(f"_{DRIVEN}", none), lambda day: day >= first)
    stay = F.array_except(kept, F.coalesce("_gone", none))
    return F.array_sort(F.array_union(stay, F.coalesce("_come", none))).alias(DRIVEN)
