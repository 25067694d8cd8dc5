"""Pages of a lake on S3, drawn by one machine after another: what is kept there is what people read."""

import datetime as dt
import os
import time
from pathlib import Path

import pytest

from expectations.checks import Check
from expectations.results import CheckResult, read_results, write_results
from jobs.page import DATA, PAGE, fetch_pages, folder_of, has_drift_report, keep_findings, publish, put, read_page
from lake.conf import Conf
from lake.stored import Stored
from monitoring.night import Night
from tests.monitoring.test_page import night

FIRST, SECOND, THIRD = (dt.date(2026, 3, n) for n in (1, 2, 3))
WITHDRAWN = "wrong model, by ann"


@pytest.fixture
def machines(conf: Conf, bucket: str, tmp_path: Path) -> tuple[Conf, Conf]:
    """Two machines on one lake, each with a folder of its own."""
    return tuple(conf.model_copy(update={"lake": f"s3://{bucket}/lake", "reports": str(tmp_path / n)}) for n in ("one", "two"))  # type: ignore[return-value]


def publishes(machine: Conf, page: Night) -> None:
    fetch_pages(machine, page.date)
    put(machine.reports_path, page.date, DATA, page.model_dump_json())
    keep_findings(machine, page.date)
    assert publish(machine, page.date) == []


def read(machine: Conf, name: str) -> str:
    return Stored(f"{machine.lake}/_reports").read(name).decode()


def test_a_night_that_another_machine_withdrew_stays_withdrawn(machines: tuple[Conf, Conf]) -> None:
    primary, laptop = machines
    publishes(primary, night(date=FIRST))
    publishes(laptop, night(date=FIRST, withdrawn=WITHDRAWN))
    for date in (SECOND, THIRD):
        publishes(primary, night(date=date))
    assert f'"withdrawn":"{WITHDRAWN}"' in read(primary, f"nights/{FIRST}/{DATA}")
    assert WITHDRAWN in read(primary, f"nights/{FIRST}/{PAGE}")
    # and scored again by the one, it is not withdrawn by a later page of the other
    publishes(primary, night(date=FIRST))
    publishes(laptop, night(date=THIRD, withdrawn=WITHDRAWN))
    assert WITHDRAWN not in read(primary, f"nights/{FIRST}/{PAGE}")
    assert read(primary, PAGE).count("withdrawn") == 1
    found = read_page(folder_of(laptop.reports_path, FIRST) / DATA)
    assert isinstance(found, Night) and found.withdrawn is None


def test_a_night_that_is_resumed_on_another_driver_has_what_the_first_found(machines: tuple[Conf, Conf]) -> None:
    first, second = machines
    docs = [m.reports_path / "data-docs" / f"{FIRST}" for m in machines]
    check = Check("share_x", "avg(x)", None, 0.1, "warn", "of a test")
    failed, better = CheckResult.of(check, 0.5, success=False), CheckResult.of(check, 0.0, success=True)
    for table in ("gold.policy_features", "gold.policy_scores"):
        write_results(docs[0], table, [failed])
    put(first.reports_path, FIRST, "drift.html", "<html></html>")
    publishes(first, night(date=FIRST))
    # what the second has of its own is newer
    write_results(docs[1], "gold.policy_scores", [better])
    soon = time.time() + 2
    os.utime(docs[1] / "results" / "gold.policy_scores.json", (soon, soon))
    fetch_pages(second, FIRST)
    assert dict(read_results(docs[1])) == {"gold.policy_features": [failed], "gold.policy_scores": [better]}
    assert has_drift_report(second.reports_path, FIRST)


def test_what_a_machine_found_long_ago_is_not_put_over_what_another_found_since(machines: tuple[Conf, Conf]) -> None:
    old, new = machines
    for machine, text in ((old, "old"), (new, "new")):
        put(machine.reports_path, FIRST, "drift.html", text)
    an_hour_ago = time.time() - 3600
    os.utime(folder_of(old.reports_path, FIRST) / "drift.html", (an_hour_ago, an_hour_ago))
    publishes(new, night(date=FIRST))
    publishes(old, night(date=FIRST))
    assert read(old, f"nights/{FIRST}/drift.html") == "new"
