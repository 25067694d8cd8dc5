"""Training frames without a lake."""

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from lake.errors import TrainingRefused
from lake.tables import FRAME
from tests.transforms.rows import claim, claims, consent, consents, date, day, days, policies, policy, ts
from transforms.frames import FrameSpec, Sources, as_of_dates, left_out, training_frame

SPEC = FrameSpec((date("2025-06-30"), date("2025-09-28")), 90, date("2026-02-25"))
"""t0 = 1 July and 29 September 2025, horizons of 90 days, the second ends on 28 December."""


@pytest.fixture(scope="module")
def sources(spark: SparkSession) -> Sources:
    """p1 is plain; of the others each has one thing that matters."""
    learned = ts("2025-08-01")
    return Sources(
        policies(
            spark,
            policy(1),
            # cancelled on 31 July, which became known on 1 August
            policy(2, known_to=learned),
            policy(2, valid_to=ts("2025-07-31"), known_from=learned),
            policy(3),
            policy(4),
            # begins within the first horizon, so it is in force at the second t0 only
            policy(5, valid_from=ts("2025-08-01")),
            # cancelled from the start, which became known after the first t0
            policy(6, known_to=learned),
            policy(6, valid_to=ts("2025-02-01"), known_from=learned),
        ),
        consents(
            spark,
            consent(1),
            consent(2),
            # p3: for another purpose; p4: given before t0 and told after it, then valid for the second
            consent(3, purpose="marketing"),
            consent(4, known_from=ts("2025-07-02")),
            consent(5),
            consent(6),
        ),
        claims(
            spark,
            claim("a", "2025-07-10", known_to=ts("2025-09-01")),
            claim("a", "2025-07-10", status="closed", incurred_minor=70_000, known_from=ts("2025-09-01")),
            claim("b", "2025-09-28T23:59:59", incurred_minor=20_000),
            claim("c", "2025-09-29", incurred_minor=5_000),
            claim("recourse", "2025-10-01", incurred_minor=-1_000),
            claim("after the cancellation", "2025-08-15", number=2),
            claim("no consent", "2025-07-15", number=3),
            claim("nobody's", "2025-07-15", number=9),
            claim("told after the valuation", "2025-07-15", known_from=ts("2026-02-26")),
            claim("outside", "2025-12-28"),
        ),
        days(
            spark,
            day("v1", "2025-06-29", distance_mm=40_000_000),
            day("v1", "2025-06-30", distance_mm=5_000_000),
            day("v1", "2025-06-28", distance_mm=90_000_000, known_from=ts("2025-07-01T00:00:00")),
        ),
    )


def test_a_frame_by_hand(sources: Sources) -> None:
    frame = training_frame(sources, SPEC)
    assert frame.columns == list(FRAME.names)
    rows = {(r["policy_id"], str(r["as_of_date"])): r for r in frame.collect()}
    assert sorted(rows) == [
        ("p1", "2025-06-30"), ("p1", "2025-09-28"), ("p2", "2025-06-30"), ("p4", "2025-09-28"), ("p5", "2025-09-28"),
    ]  # fmt: skip
    first, second = rows["p1", "2025-06-30"], rows["p1", "2025-09-28"]
    # 90 days each; p2 is in force from 1 to 31 July: 30 days
    years = [first["exposure_years"], second["exposure_years"], rows["p2", "2025-06-30"]["exposure_years"]]
    assert years == pytest.approx([90 / 365.25, 90 / 365.25, 30 / 365.25])
    # a at its last known amount, b a second before the end; then c less the recourse
    assert (first["claims"], first["incurred_minor"]) == (2, 90_000)
    assert (second["claims"], second["incurred_minor"]) == (1, 4_000)
    assert rows["p2", "2025-06-30"]["claims"] == 0
    # the valuation is 25 February: 150 days after 28 September, 240 after 30 June, less the 90 of the horizon
    assert (first["maturity_days"], second["maturity_days"]) == (150, 60)
    # at the first t0 the 30th had not ended everywhere and the 28th was not known yet; later both count
    assert (first["km_365"], second["km_365"]) == (40.0, 135.0)
    assert (rows["p2", "2025-06-30"]["km_365"], rows["p2", "2025-06-30"]["brake_per_100km_365"]) == (0.0, None)


def test_what_a_frame_leaves_out_is_counted(sources: Sources) -> None:
    found = {(r["kind"], r["reason"]): r["rows"] for r in left_out(sources, SPEC).collect()}
    assert found == {
        # p3 at both, p4 at the first
        ("cover", "no_consent"): 3,
        # p6 at the first
        ("cover", "no_exposure"): 1,
        ("claim", "recourse"): 1,
        ("claim", "unknown_policy"): 1,
        ("claim", "not_in_force"): 1,
        ("claim", "not_in_frame"): 1,
    }


def test_as_of_dates_are_a_horizon_apart_and_mature() -> None:
    # 31 December 2025 - 60 - 180 = 5 May 2025, then 180 days back: 6 November 2024
    assert as_of_dates(date("2025-12-31"), 180, 60, 2) == (date("2024-11-06"), date("2025-05-05"))


def test_a_change_of_terms_and_two_coverages_by_hand(spark: SparkSession) -> None:
    t0, end, valued = date("2025-06-30"), ts("2025-09-29"), date("2025-12-31")
    tick = dt.timedelta(microseconds=1)
    change, until = ts("2025-07-31T18:00:00"), ts("2025-09-09")
    sources = Sources(
        policies(
            spark,
            # dearer from the evening of 31 July on, at an end on 9 September
            policy(1, valid_to=change), policy(1, valid_from=change, valid_to=until, base_premium_minor=90_000),
            policy(1, coverage="theft"),
            # another currency from the change on
            policy(2, valid_to=change), policy(2, valid_from=change, currency="EUR"),
        ),
        consents(spark, consent(1), consent(2)),
        claims(
            spark,
            claim("first instant", "2025-07-01", incurred_minor=1),
            claim("before it", "2025-06-01", occurred_ts=ts("2025-07-01") - tick, incurred_minor=10),
            claim("at the change", "2025-07-31T18:00:00", incurred_minor=100),
            claim("at the end of cover", "2025-09-09", incurred_minor=1_000),
            claim("theft, last instant", "2025-09-01", coverage="theft", occurred_ts=end - tick, incurred_minor=20_000),
            claim("theft, at the end", "2025-09-29", coverage="theft", incurred_minor=300_000),
            claim("dollars", "2025-07-10", 2, incurred_minor=7),
            claim("euro", "2025-08-10", 2, currency="EUR", incurred_minor=70),
        ),
        days(spark, day("v1", "2025-06-29")),
    )  # fmt: skip
    spec = FrameSpec((t0,), 90, valued)
    rows = {(r.policy_id, r.coverage): r for r in training_frame(sources, spec).collect()}
    found = {k: (r.exposure_years * 365.25, r.claims, r.incurred_minor, r.base_premium_minor) for k, r in rows.items()}
    # 30.75 days of July on the first terms and 39.25 on the second are 70; theft is covered throughout; neither the euro
    # nor the time insured in euro add to a row in dollars
    assert found == {
        ("p1", "liability"): (pytest.approx(70), 2, 101, 60_000),
        ("p1", "theft"): (pytest.approx(90), 1, 20_000, 60_000),
        ("p2", "liability"): (pytest.approx(30.75), 1, 7, 60_000),
    }
    # from 29 September, when the horizon ends, to 1 January, when it is valued: 2 + 31 + 30 + 31 days
    assert {r.maturity_days for r in rows.values()} == {94}
    lost = {(r["kind"], r["reason"]): r["rows"] for r in left_out(sources, spec).collect()}
    assert lost == {("claim", "not_in_force"): 1, ("claim", "other_currency"): 1}


def test_a_frame_is_not_valued_before_its_horizons_end() -> None:
    with pytest.raises(TrainingRefused, match=r"2025-12-26 .* after the valuation 2025-12-25"):
        FrameSpec((date("2025-06-29"), date("2025-09-27")), 90, date("2025-12-25"))
    FrameSpec((date("2025-06-29"), date("2025-09-27")), 90, date("2025-12-26"))
