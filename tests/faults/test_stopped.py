"""A night that stops: readers keep what was published, and the page says so."""

import pytest

from tests.faults.stopping import NIGHT, SCORES, StoppedNight
from tests.world import NIGHTS

pytestmark = pytest.mark.slow
LAST = NIGHTS[-1]


def test_fault_12_a_reader_never_sees_a_row_that_its_gate_stopped(stopped: StoppedNight) -> None:
    """The reader looked while the rows stood staged, and saw the version of before each time."""
    looks = stopped.looks
    assert any(x.is_staged for x in looks)
    assert {(x.version, x.rows, x.dates) for x in looks} == {(looks[0].version, looks[0].rows, frozenset(NIGHTS))}
    assert stopped.versions[0] == looks[0].version
    assert not list((stopped.world.root / "lake" / "_staging").glob(f"{SCORES}*"))


def test_fault_12_the_command_ends_with_4_and_one_line(stopped: StoppedNight) -> None:
    said = stopped.said[0]
    line = said.err.strip().splitlines()[-1]
    assert said.code == 4, said.err
    assert line.startswith(f"error: {SCORES} was not published: rows that break: relativity in (0, 50] = ")
    assert line.endswith("(at most 0)")
    assert "Traceback" not in said.err


def test_fault_12_the_page_of_the_stopped_night_says_what_readers_see(stopped: StoppedNight) -> None:
    page, index = stopped.pages[0], stopped.indexes[0]
    for text in (page, index):
        assert f"The night stopped in job score: {SCORES} was not published: rows that break: relativity in (0, 50] = " in text
        assert f"Readers see the scores of the night of {LAST}, the last published whose scores stand, and none of" in text
    assert 'class="verdict red"' in page
    assert f"<code>telematics nightly --date {NIGHT}</code>" in page
    assert f'href="../{LAST}/index.html"' in page
    assert f'href="../../data-docs/{NIGHT}/site/index.html"' in page
    assert (stopped.reports / "data-docs" / f"{NIGHT}" / "site" / "index.html").is_file()
    assert stopped.data[0]["finished"] == ["reference", "ingest", "trips", "days", "features"]


def test_fault_12_a_job_after_the_scores_stops_and_the_page_says_that_readers_see_them(stopped: StoppedNight) -> None:
    assert stopped.said[1].code == 6, stopped.said[1].err
    tonight = stopped.world.lake.read(SCORES).where(f"score_date = DATE'{NIGHT}' AND role = 'champion'").count()
    assert tonight > 1000
    page = stopped.pages[1]
    assert "The night stopped in job drift: frames." in page
    assert f"Readers see this night&#39;s {tonight:,} scores: they passed their gate before the night stopped." in page
    assert f"The night itself is not published; the last one that is and whose scores stand: {LAST}." in page
    assert stopped.data[1]["finished"][-2:] == ["score", "performance"]


def test_fault_12_the_mended_rerun_begins_where_it_stopped_and_publishes(stopped: StoppedNight) -> None:
    said = stopped.said[2]
    # it is published without the file that was cut, and the exit code says so
    assert (said.code, said.out.splitlines()[-1]) == (3, f"{NIGHT} published"), said.err
    assert "cut.jsonl.gz (truncated_gzip)" in said.err
    assert " drift: " in said.out and " score: " not in said.out  # it began where it had stopped
    assert stopped.versions[0] < stopped.versions[1] == stopped.versions[2]


def test_fault_12_a_rerun_of_the_last_job_alone_draws_a_stopped_page_again(
    stopped: StoppedNight,
) -> None:
    assert stopped.said[3].code == 3, stopped.said[3].err
    assert [x.split()[1] for x in stopped.said[3].out.splitlines()[:-1]] == ["page:", "maintain:"]


def test_fault_12_a_rerun_that_its_gate_stops_leaves_the_scores_of_the_run_before(stopped: StoppedNight) -> None:
    assert stopped.said[4].code == 4, stopped.said[4].err
    assert stopped.versions[4] == stopped.versions[3]
    scored = stopped.data[1]["scored"]
    assert (
        f"Readers see the {scored:,} scores that an earlier run of this night published; this one changed none."
        in stopped.pages[4]
    )
    assert f"<code>telematics nightly --date {NIGHT} --rerun</code>" in stopped.pages[4]
    assert "The night itself is not published" not in stopped.pages[4]
