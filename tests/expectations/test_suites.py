from collections import Counter

import pytest

from expectations.suites import suite_for
from lake.tables import TABLES


@pytest.mark.parametrize("name", [*TABLES, "frames.abc"])
def test_checks_have_a_limit_and_a_reason_and_names_are_unique(name: str) -> None:
    suite = suite_for(name)
    assert [n for n, k in Counter(c.name for c in suite.checks).items() if k > 1] == []
    assert all(c.minimum is not None or c.maximum is not None for c in suite.checks)
    assert all(c.reason for c in suite.checks)


def test_required_columns_and_versions_come_from_the_schema() -> None:
    suite = suite_for("gold.policy_days")
    names = {c.name for c in suite.checks}
    assert {f"nulls: {x.name}" for x in TABLES["gold.policy_days"].columns if not x.nullable} <= names
    assert suite.key == ("vehicle_id", "local_date", "known_from")
    assert "rows that break: distance_mm in [0, inf] mm" in names


def test_recourse_may_be_negative_and_changes_exceed_one() -> None:
    assert not [c for c in suite_for("reference.claims").checks if "incurred_minor" in c.measure]
    assert "rows that break: change in [-inf, inf] share" in {c.name for c in suite_for("gold.policy_scores").checks}
