"""Scores that are taken back: what readers, the next night, a rerun and the page then do; and scores as a file."""

import csv
import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobs.catalog import NAMES
from jobs.context import JobResult
from jobs.exporting import export_scores
from jobs.nights import Attempt, champion_of_record, read_nights, record
from jobs.nights_history import lines
from jobs.page import DATA, PAGE, put
from jobs.stopped import Where, facts
from jobs.withdrawing import withdraw
from lake.conf import Conf
from lake.conf_sections import Nightly
from lake.delta import Lake
from lake.errors import InputError
from registry.actors import Actor
from tests.jobs.context import exposing
from tests.jobs.test_page_job import BEFORE, D, append, score
from tests.monitoring.test_page import night
from tests.monitoring.test_page import stopped as stopped_page
from tests.world import command, write_conf

ANN = Actor("ann", verified=False, source="claimed")


def ran(lake: Lake, date: dt.date, hour: int, version: str, since: dt.datetime = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)) -> None:
    at = since + dt.timedelta(hours=hour)
    for job, detail in (("score", {"models": {"liability": ["m", version, "r"]}}), ("page", {"light": "green"}), ("night", {})):
        record(lake, Attempt(date, job, f"run{hour}", at, at), "finished", JobResult(2, "", detail))


@pytest.fixture
def scored(lake: Lake, conf: Conf) -> Lake:
    """Two nights of two scores, and the page of the second."""
    append(lake, "gold.policy_scores", *(score(n, d, 100.0 + n) for d in (BEFORE, D) for n in (1, 2)))
    ran(lake, BEFORE, 1, "7")
    ran(lake, D, 2, "8")
    folder = conf.reports_path / "nights" / f"{D}"
    folder.mkdir(parents=True)
    (folder / DATA).write_text(night(date=D).model_dump_json())
    return lake


def dates(lake: Lake) -> list[dt.date]:
    return [r["score_date"] for r in lake.read("gold.policy_scores").select("score_date").orderBy("score_date").collect()]


def test_the_last_good_night_is_back(scored: Lake, conf: Conf) -> None:
    version = scored.version("gold.policy_scores")
    found = withdraw(scored, conf, D, "wrong model", ANN)
    assert (found.rows, found.now, found.version) == (2, BEFORE, version)
    assert dates(scored) == [BEFORE] * 2
    kept = scored.spark.read.format("delta").option("versionAsOf", version).load(scored.path("gold.policy_scores"))
    assert kept.count() == 4

    nights = read_nights(scored)
    after = D + dt.timedelta(days=1)
    # what the night loaded stays loaded; the next one compares its prices with those that readers see
    assert (nights.previous(after), nights.previous_scores(after), nights.published) == (D, BEFORE, (BEFORE, D))
    # scored anew it asks for the champion again
    assert champion_of_record(scored, D) == {}
    assert champion_of_record(scored, BEFORE)["models"] == {"liability": ["m", "7", "r"]}
    found_lines = lines(scored.read("gold.nights").collect(), Nightly())
    # red, and no scores of the night that readers could see
    assert [(x.status, x.light, x.scores) for x in found_lines] == [("withdrawn", "red", None), ("published", "green", 2)]

    data, page = (conf.reports_path / "nights" / f"{D}" / name for name in (DATA, PAGE))
    assert json.loads(data.read_text())["withdrawn"] == "wrong model (ann)"
    assert "Do not use this night&#39;s scores before looking: the scores were withdrawn: wrong model (ann)" in page.read_text()

    # again it changes nothing, as after a kill between its steps
    assert withdraw(scored, conf, D, "wrong model", ANN).rows == 0
    assert scored.read("gold.nights").where("job = 'withdrawal'").count() == 1

    ran(scored, D, 9, "9", since=dt.datetime.now(dt.UTC))
    assert champion_of_record(scored, D)["models"] == {"liability": ["m", "9", "r"]}
    assert read_nights(scored).previous_scores(after) == D


def test_prometheus_hears_of_it(scored: Lake, conf: Conf, tmp_path: Path) -> None:
    mine, path = exposing(conf, tmp_path)
    assert withdraw(scored, mine, D, "wrong model", ANN).complaints == ()
    found = {f.name: f.samples[0].value for f in text_string_to_metric_families(path.read_text())}
    assert found["telematics_night_light"] == 2
    assert found["telematics_night_date_timestamp_seconds"] == dt.datetime(2026, 3, 2, tzinfo=dt.UTC).timestamp()
    assert "telematics_covers_scored" not in found


def test_prometheus_keeps_a_later_night_that_stopped(scored: Lake, conf: Conf, tmp_path: Path) -> None:
    mine, path = exposing(conf, tmp_path)
    after = D + dt.timedelta(days=1)
    put(mine.reports_path, after, DATA, stopped_page(date=after).model_dump_json())
    withdraw(scored, mine, D, "wrong model", ANN)
    assert not path.exists()


def test_a_page_of_a_newer_deployment_keeps_what_it_has_besides(scored: Lake, conf: Conf) -> None:
    put(conf.reports_path, D, DATA, json.dumps(json.loads(night(date=D).model_dump_json()) | {"since_then": 1}))
    withdraw(scored, conf, D, "wrong model", ANN)
    data = json.loads((conf.reports_path / "nights" / f"{D}" / DATA).read_text())
    assert (data["since_then"], data["withdrawn"]) == (1, "wrong model (ann)")


def test_a_page_that_cannot_be_read_does_not_keep_the_scores(scored: Lake, conf: Conf) -> None:
    put(conf.reports_path, D, DATA, "{")
    (complaint,) = withdraw(scored, conf, D, "wrong model", ANN).complaints
    assert complaint.what.startswith("the page does not say that the scores are withdrawn: ")
    assert complaint.what.endswith(f"; `telematics nightly --date {D} --rerun --from-job score` makes it again")
    assert dates(scored) == [BEFORE] * 2


def test_the_night_says_that_it_was_withdrawn_and_what_scores_it_again(scored: Lake, conf: Conf, tmp_path: Path) -> None:
    withdraw(scored, conf, D, "wrong model", ANN)
    said = command(write_conf(tmp_path / "conf.yml", tmp_path), "nightly", "--date", f"{D}")
    again = f"`telematics nightly --date {D} --rerun --from-job score` scores it again"
    assert (said.code, said.out.strip()) == (
        0, f"{D} is published and its scores were withdrawn: wrong model (ann); {again}",
    ), said.err  # fmt: skip


def test_a_night_stays_withdrawn_once_a_later_one_was_compared_without_it(scored: Lake, conf: Conf, tmp_path: Path) -> None:
    withdraw(scored, conf, D, "wrong model", ANN)
    later = D + dt.timedelta(days=1)
    ran(scored, later, 9, "8", since=dt.datetime.now(dt.UTC))
    # a rerun that stopped before its scores leaves those of before
    at = dt.datetime.now(dt.UTC) + dt.timedelta(hours=10)
    record(scored, Attempt(later, "ingest", "r", at, at), "failed", JobResult(0, "no"))
    place = write_conf(tmp_path / "conf.yml", tmp_path)
    for words in (("score",), ("nightly", "--rerun"), ("nightly", "--rerun", "--from-job", "page")):
        said = command(place, words[0], "--date", f"{D}", *words[1:])
        assert (said.code, f"`telematics scores withdraw --date {later} --reason ...` first" in said.err) == (8, True), said.err
    said = command(place, "nightly", "--date", f"{D}")
    assert said.out.strip().endswith(f"wrong model (ann); those of {later} were compared without them"), said.err


def test_a_night_that_stopped_after_its_scores_makes_them_again(lake: Lake, conf: Conf) -> None:
    append(lake, "gold.policy_scores", *(score(n, d, 100.0 + n) for d in (BEFORE, D) for n in (1, 2)))
    ran(lake, BEFORE, 1, "7")
    before_drift = NAMES[: NAMES.index("drift")]
    for n, job in enumerate(before_drift):
        at = dt.datetime(2026, 3, 4, 2, n, tzinfo=dt.UTC)
        record(lake, Attempt(D, job, "run", at, at), "finished", JobResult(2, ""))
    folder = conf.reports_path / "nights" / f"{D}"
    folder.mkdir(parents=True)
    stopped = facts(Where(conf, D), stopped_page(date=D, job="drift", cause="no frame"), lake, read_nights(lake))
    assert (stopped.scored, stopped.is_scored_by_this_run, stopped.finished) == (2, True, before_drift)
    (folder / DATA).write_text(stopped.model_dump_json())

    withdraw(lake, conf, D, "wrong model", ANN)
    assert read_nights(lake).remaining(D) == NAMES[NAMES.index("score") :]
    page, index = (folder / PAGE).read_text(), (conf.reports_path / PAGE).read_text()
    for text in (page, index):
        assert f"Readers see the scores of the night of {BEFORE}, the last published whose scores stand" in text
        assert "Its own were withdrawn: wrong model (ann)." in text and "2 scores" not in text
    assert "Finished: reference, ingest, trips, days, features<" in page


def test_a_stopped_page_names_scores_that_stand(scored: Lake, conf: Conf) -> None:
    withdraw(scored, conf, D, "wrong model", ANN)
    after = D + dt.timedelta(days=1)
    nights = read_nights(scored)
    pages = [facts(Where(conf, date), stopped_page(date=date), scored, nights) for date in (D, after)]
    assert [p.last_published for p in pages] == [BEFORE] * 2
    assert [p.withdrawn for p in pages] == ["wrong model (ann)", None]


def test_only_the_newest_scores_can_be_taken_back(scored: Lake, conf: Conf) -> None:
    with pytest.raises(InputError, match=f"{D} was scored after {BEFORE} and compared with it"):
        withdraw(scored, conf, BEFORE, "x", ANN)
    with pytest.raises(InputError, match=r"there are no scores of 2025-01-01 to withdraw"):
        withdraw(scored, conf, dt.date(2025, 1, 1), "x", ANN)
    assert dates(scored) == [BEFORE] * 2 + [D] * 2


@pytest.fixture
def zone() -> Iterator[pytest.MonkeyPatch]:
    """The machine's, to be set in TZ; as it was afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    time.tzset()


def test_scores_as_a_file(lake: Lake, tmp_path: Path, zone: pytest.MonkeyPatch) -> None:
    append(
        lake,
        "gold.policy_scores",
        *(score(n, D, 100.0 + n) for n in (2, 1)),
        score(3, BEFORE, 9.0),
        score(4, D, 5.0, policy_id="=1+1"),
    )
    table = export_scores(lake.root, D, tmp_path / "scores.parquet")
    text = export_scores(lake.root, D, tmp_path / "new" / "scores.csv")
    assert (table.rows, text.rows) == (3, 3)
    rows = pq.read_table(table.path).to_pylist()
    assert [r["policy_id"] for r in rows] == ["=1+1", "p1", "p2"]
    with text.path.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [r["policy_id"] for r in found] == ["'=1+1", "p1", "p2"]
    assert found[1]["pure_premium"] == "101.0" and found[1]["score_date"] == f"{D}"
    assert json.loads(found[1]["reasons"])[0]["feature"] == "brake_per_100km_90"
    assert json.loads(found[1]["lineage"])["model_version"] == "7"
    assert json.loads(found[1]["lineage"])["cutoff_ts"].endswith("+00:00")
    # the same scores give the same file, wherever it is asked for, and nothing is left beside it
    zone.setenv("TZ", "America/New_York")
    time.tzset()
    again = [export_scores(lake.root, D, tmp_path / "new" / f"scores.{x}") for x in ("csv", "parquet")]
    assert [x.sha256 for x in again] == [text.sha256, table.sha256]
    (tmp_path / "new" / "scores.parquet").unlink()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["scores.csv"]


def test_a_lake_where_nothing_was_scored_has_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing has been scored in the lake at"):
        export_scores(f"{tmp_path}/lake", D, tmp_path / "a.csv")


def test_what_cannot_be_exported_says_so_and_leaves_what_is_there(lake: Lake, tmp_path: Path) -> None:
    append(lake, "gold.policy_scores", score(1, BEFORE, 9.0))
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(InputError, match=f"there are no scores of {D}"):
        export_scores(lake.root, D, tmp_path / "a.csv")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir() if p.is_file()] == [("a.csv", "mine")]
    with pytest.raises(InputError, match=r"ends in .parquet or .csv"):
        export_scores(lake.root, D, tmp_path / "a.xlsx")
