"""Frames in a lake: named by content, written once, blind to what came later."""

import pytest
from delta.tables import DeltaTable

from expectations.gate import make_gate
from jobs.context import Gate
from jobs.frames import build_frame
from lake.conf import Conf
from lake.delta import Lake
from lake.errors import TrainingRefused
from tests.transforms.rows import claim, claims, consent, consents, date, day, days, policies, policy, ts

VALUATION = date("2026-01-31")
"""With horizons of 60 days and 30 of maturity: as of 3 September and 2 November 2025."""


@pytest.fixture
def short(conf: Conf) -> Conf:
    """Two dates, 60 days apart."""
    shape = {"horizon_days": 60, "maturity_days": 30, "as_of_dates": 2}
    return conf.model_copy(update={"training": conf.training.model_copy(update=shape)})


@pytest.fixture
def gate(conf: Conf) -> Gate:
    """The real one."""
    return make_gate(conf.reports_path / "data-docs", "train")


def _load(lake: Lake) -> None:
    lake.append_once("reference.policies", policies(lake.spark, policy(1), policy(2)), "1")
    lake.append_once("reference.consents", consents(lake.spark, consent(1), consent(2)), "1")
    lake.append_once("reference.claims", claims(lake.spark, claim("a", "2025-09-20"), claim("b", "2025-11-20", 2)), "1")
    lake.append_once("gold.policy_days", days(lake.spark, day("v1", "2025-08-01"), day("v2", "2025-10-01")), "1")


def test_later_knowledge_leaves_a_frame_as_it_was(lake: Lake, short: Conf, gate: Gate) -> None:
    _load(lake)
    built = build_frame(lake, short, VALUATION, gate)
    assert [(p.as_of_date, p.rows, p.observed, p.claims) for p in built.parts] == [
        (date("2025-09-03"), 2, 1, 1),
        (date("2025-11-02"), 2, 2, 1),
    ]
    assert (built.df.count(), built.left_out, built.valuation) == (4, {}, VALUATION)
    late = ts("2025-11-04")
    # a day before both dates told after them, the as-of days themselves, days in the horizons, and a restatement
    more = [day("v1", "2025-08-02", known_from=late), day("v1", "2025-11-02"), day("v1", "2025-12-01"), day("v2", "2026-03-01")]
    lake.append_once("gold.policy_days", days(lake.spark, *more), "2")
    closed = days(lake.spark, day("v2", "2025-10-01", known_to=late))
    lake.apply_versions(
        "gold.policy_days", closed, days(lake.spark, day("v2", "2025-10-01", distance_mm=1, known_from=late)), "3"
    )
    lake.append_once("reference.claims", claims(lake.spark, claim("c", "2025-09-21", known_from=ts("2026-02-01"))), "2")
    lake.append_once(
        "reference.consents", consents(lake.spark, consent(1, valid_to=ts("2025-02-01"), known_from=ts("2026-02-01"))), "2"
    )
    DeltaTable.forPath(lake.spark, lake.path("gold.policy_days")).optimize().executeCompaction()
    again = build_frame(lake, short, VALUATION, gate)
    assert again.hash == built.hash
    assert lake.version(built.name) == 1
    # knowledge from before a cutoff does change it: the test above can fail
    lake.append_once("gold.policy_days", days(lake.spark, day("v1", "2025-08-03")), "4")
    assert build_frame(lake, short, VALUATION, gate).hash != built.hash


def test_a_run_killed_between_its_two_commits_is_made_good(lake: Lake, short: Conf, gate: Gate) -> None:
    _load(lake)
    built = build_frame(lake, short, VALUATION, gate)
    rows = sorted(map(str, built.df.collect()))
    # as a kill leaves it: the commit that creates the table is there, the rows are not
    lake.remove(lake.path(built.name))
    lake.create(built.name)
    # which somebody may have vacuumed since, and that is two commits
    lake.vacuum(built.name, 7)
    assert lake.version(built.name) == 2 and lake.read(built.name).isEmpty()
    again = build_frame(lake, short, VALUATION, gate)
    assert (again.hash, sorted(map(str, again.df.collect())), lake.version(again.name)) == (built.hash, rows, 3)
    build_frame(lake, short, VALUATION, gate)
    assert lake.version(again.name) == 3


def test_a_frame_without_rows_or_days_is_refused(lake: Lake, short: Conf, gate: Gate) -> None:
    with pytest.raises(TrainingRefused, match="no insured policy with consent as of 2025-09-03, 2025-11-02"):
        build_frame(lake, short, VALUATION, gate)
    lake.append_once("reference.policies", policies(lake.spark, policy(1)), "1")
    lake.append_once("reference.consents", consents(lake.spark, consent(1)), "1")
    lake.append_once("gold.policy_days", days(lake.spark, day("v1", "2025-10-01")), "1")
    with pytest.raises(TrainingRefused, match="no policy days before 2025-09-03:"):
        build_frame(lake, short, VALUATION, gate)
