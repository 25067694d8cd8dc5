"""Scores by the fallback per book and reason, beside what was usual on earlier nights: from the sums that the page is made of."""

import datetime as dt
from collections.abc import Iterable

from pyspark.sql import Row

Key = tuple[str, str]
"""A book: coverage and currency."""


def counts(rows: Iterable[Row], date: dt.date) -> dict[Key, dict[str, int]]:
    """Scores of a night by fallback reason, per book that has any."""
    found: dict[Key, dict[str, int]] = {}
    for r in rows:
        if r["score_date"] == date and r["fallback"]:
            of_book = found.setdefault((r["coverage"], r["currency"]), {})
            reason = r["fallback_reason"] or "no reason given"
            of_book[reason] = of_book.get(reason, 0) + r["rows"]
    return found


def usual(rows: list[Row], dates: Iterable[dt.date]) -> dict[Key, dict[str, float]]:
    """Shares of the scores by fallback reason per book, of those of `dates` that scored it; a reason's lowest, so that what
    fell to the fallback yesterday is not usual today."""
    nights = [_shares(rows, date) for date in dates]
    found = {}
    for book in {key for night in nights for key in night}:
        of_book = [night[book] for night in nights if book in night]
        reasons = {reason for shares in of_book for reason in shares}
        found[book] = {x: min(shares.get(x, 0.0) for shares in of_book) for x in sorted(reasons)}
    return found


def _shares(rows: list[Row], date: dt.date) -> dict[Key, dict[str, float]]:
    scored: dict[Key, int] = {}
    for r in rows:
        if r["score_date"] == date:
            scored[r["coverage"], r["currency"]] = scored.get((r["coverage"], r["currency"]), 0) + r["rows"]
    by_reason = counts(rows, date)
    return {book: {reason: n / total for reason, n in by_reason.get(book, {}).items()} for book, total in scored.items()}
