"""What fell to the fallback, beside what was usual: plain rows stand for Spark's."""

import datetime as dt
from typing import Any

from jobs.page_facts import WEEK, books
from jobs.page_fallbacks import counts, usual

D = dt.date(2026, 3, 10)
BEFORE = D - dt.timedelta(days=1)


def row(date: dt.date, n: int, reason: str | None = None, coverage: str = "liability") -> Any:
    return {
        "score_date": date, "coverage": coverage, "currency": "EUR", "fallback_reason": reason, "fallback": reason is not None,
        "rows": n, "total": 100.0 * n,
    }  # fmt: skip


ROWS = [
    row(D, 60), row(D, 40, "missing_feature"), row(D, 50, coverage="theft"), row(D, 50, "missing_feature", "theft"),
    row(BEFORE, 70), row(BEFORE, 20, "missing_feature"), row(BEFORE, 10, "no_trips"),
    row(D - WEEK, 90), row(D - WEEK, 5, "no_trips"), row(D - WEEK, 5, "no_consent"),
]  # fmt: skip


def test_fallbacks_are_counted_by_book_and_reason() -> None:
    assert counts(ROWS, BEFORE) == {("liability", "EUR"): {"missing_feature": 20, "no_trips": 10}}


def test_usual_is_the_lower_of_two_nights_so_that_a_rise_stays_one_for_a_week() -> None:
    # .20 and 0, .10 and .05, 0 and .05
    assert usual(ROWS, (BEFORE, D - WEEK)) == {
        ("liability", "EUR"): {"missing_feature": 0.0, "no_consent": 0.0, "no_trips": 0.05}
    }
    assert usual(ROWS, (BEFORE,)) == {("liability", "EUR"): {"missing_feature": 0.2, "no_trips": 0.1}}
    assert usual(ROWS, (dt.date.min,)) == {}


def test_a_book_has_its_fallbacks_and_one_that_is_new_no_usual_ones() -> None:
    liability, theft = books(ROWS, D, BEFORE)
    assert (liability.fallbacks, liability.usual_fallbacks) == (
        {"missing_feature": 40},
        usual(ROWS, (BEFORE, D - WEEK))["liability", "EUR"],
    )
    assert (theft.fallbacks, theft.fallback, theft.usual_fallbacks) == ({"missing_feature": 50}, 50, None)
