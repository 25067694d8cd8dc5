"""A night for which nothing lands, whose champion is away at first, killed in every job from `score` on while MLflow is down, and
then left alone."""

import datetime as dt
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from prometheus_client.parser import text_string_to_metric_families
from pyspark.sql import functions as F

from jobs.nights import read_nights
from registry.store import CHAMPION
from tests.faults.killing import drivers, kill_when, one_more, there_is
from tests.faults.stopping import NIGHT, SCORES
from tests.world import NIGHTS, Said, World, write_conf

pytestmark = pytest.mark.slow
PAGE = f"_reports/nights/{NIGHT}/page.json"
HELD, OLD = "bronze.quarantine", dt.date(2024, 1, 1)
POINTS = (
    (there_is, f"_staging/{SCORES}-*", ("score",)),
    (one_more, SCORES, ("score",)),
    (one_more, "gold.drift", ("drift",)),
    (one_more, "gold.performance", ("drift", "performance")),
    (one_more, HELD, ("page", "maintain")),
    (there_is, PAGE, ("page",)),
)
"""Where the driver is killed, and the first job that a resume then runs; of drift and performance, and of page and maintain, one
runs beside the other."""
DOWN = {"TELEMATICS_MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
"""The discard port: nothing listens there."""
NIGHTLY = ("nightly", "--date", f"{NIGHT}")


@dataclass
class Bad:
    """The lake after it, and what was seen on the way."""

    world: World
    lake: Path
    withdrawn: Said
    stopped_page: str
    held: int
    remaining: list[str] = field(default_factory=list)
    scored: list[int] = field(default_factory=list)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(x) for x in (self.world.root / "alerts.jsonl").read_text().splitlines()]

    @property
    def page(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.lake / PAGE).read_text())
        return data


def without_champion(world: World, lake: Path) -> Bad:
    """The alias is taken away by hand, the night is run, and the alias is put back."""
    store = MlflowClient(f"sqlite:///{(lake / '_mlflow').resolve()}/mlflow.db")
    (model,) = [m for m in store.search_registered_models() if CHAMPION in m.aliases]
    version = model.aliases[CHAMPION]
    store.delete_registered_model_alias(model.name, CHAMPION)
    said = world.telematics(*NIGHTLY)
    store.set_registered_model_alias(model.name, CHAMPION, version)
    held = world.lake.read(HELD).where(F.col("received_date") > F.lit(OLD)).count()
    return Bad(world, lake, said, (lake / PAGE).with_name("index.html").read_text(), held)


@pytest.fixture(scope="module")
def bad(world: World, tmp_path_factory: pytest.TempPathFactory) -> Bad:
    root = tmp_path_factory.mktemp("bad")
    lake = shutil.copytree(world.root / "lake", root / "lake")
    (root / "landing").mkdir()
    alerts = {"channels": {"file": str(root / "alerts.jsonl")}, "prometheus_textfile": str(root / "night.prom")}
    mine = World(world.spark, root, write_conf(root / "conf.yml", root, alerts=alerts))
    # so that `maintain` has rows to delete
    mine.lake.append_once(HELD, mine.lake.read(HELD).withColumn("received_date", F.lit(OLD)), "planted")
    found = without_champion(mine, lake)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in DOWN.items():
            patch.setenv(name, value)
        killed(found)
    return found


def killed(bad: Bad) -> None:
    """At each of POINTS."""
    tonight = (F.col("score_date") == F.lit(NIGHT)) & (F.col("role") == CHAMPION)
    for driver, (kind, what, _) in zip(drivers(len(POINTS), bad.world.conf, *NIGHTLY), POINTS, strict=True):
        if what == PAGE:
            # so that what appears is the night's own, and not that of the stopped one
            (bad.lake / PAGE).unlink()
        kill_when(driver, kind(bad.lake, what))
        bad.scored.append(bad.world.lake.read(SCORES).where(tonight).count())
        bad.remaining.append(read_nights(bad.world.lake).remaining(NIGHT)[0])


def test_fault_25_a_champion_that_was_withdrawn_stops_the_night_and_the_last_scores_stay(bad: Bad) -> None:
    assert (bad.withdrawn.code, "no champion for coverage" in bad.withdrawn.err) == (7, True), bad.withdrawn.err
    assert "The night stopped in job score: no champion" in bad.stopped_page
    assert f"Readers see the scores of the night of {NIGHTS[-1]}" in bad.stopped_page
    assert [(x["rule"], x["severity"]) for x in bad.told[:1]] == [("stopped", "critical")]


def test_fault_03_a_night_killed_from_score_on_is_resumed_where_it_was(bad: Bad) -> None:
    assert all(job in jobs for job, (_, _, jobs) in zip(bad.remaining, POINTS, strict=True)), bad.remaining
    # not half of them: none while they stood staged, then all
    assert bad.scored == [0, *[bad.page["in_force"]] * (len(POINTS) - 1)]


def test_fault_03_and_left_alone_it_is_published_once(bad: Bad) -> None:
    said = bad.world.telematics(*NIGHTLY)
    assert (said.code, said.out.splitlines()[-1]) == (0, f"{NIGHT} published"), said.err
    lake = bad.world.lake
    for table, key in (
        (SCORES, "policy_id || coverage || role"),
        ("gold.drift", "kind || column"),
        ("gold.alerts", "rule || subject"),
    ):
        rows = lake.read(table).where(F.col("score_date") == F.lit(NIGHT))
        assert 0 < rows.count() == rows.select(F.expr(key)).distinct().count(), table
    # what maintain began to delete when it was killed is gone, and no more than that
    held = lake.read(HELD)
    assert 0 < held.count() == bad.held and held.where(F.col("received_date") == F.lit(OLD)).isEmpty()
    published = lake.read("gold.nights").where((F.col("night_date") == F.lit(NIGHT)) & (F.col("job") == "night"))
    assert published.count() == 1


def test_a_night_without_files_is_amber_and_tells_once(bad: Bad) -> None:
    (volume,) = [x for x in bad.told if x["rule"] == "volume"]
    assert (volume["subject"], volume["value"], volume["severity"]) == ("sim_phone", 0.0, "critical")
    assert "sim_phone brought 0 records, usually" in (bad.lake / PAGE).with_name("index.html").read_text()
    metrics = {f.name: f for f in text_string_to_metric_families((bad.world.root / "night.prom").read_text())}
    assert metrics["telematics_night_light"].samples[0].value == 1
    assert bad.page["missing"] == 0


def test_a_night_with_half_its_files_is_told_of_and_scored(bad: Bad, world: World) -> None:
    """The night after: of its files every second one has come."""
    after = NIGHT + dt.timedelta(days=1)
    landed = sorted((world.landing / "sim_phone").glob(f"date={after}/**/*.jsonl.gz"))
    for path in landed[1::2]:
        there = bad.world.root / "landing" / path.relative_to(world.landing)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, there)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(DOWN.items())))
        said = bad.world.telematics("nightly", "--date", f"{after}")
    assert (said.code, said.out.splitlines()[-1]) == (0, f"{after} published"), said.err
    page = json.loads((bad.lake / PAGE.replace(f"{NIGHT}", f"{after}")).read_text())
    brought, usual = next(x["read"] for x in page["sources"] if x["source"] == "sim_phone"), page["usual_records"]["sim_phone"]
    assert 0 < brought < 0.6 * usual
    assert [x["subject"] for x in page["alerts"] if x["rule"] == "volume" and x["state"] == "firing"] == ["sim_phone"]
    assert page["missing"] == 0
    scores = bad.world.lake.read(SCORES).where((F.col("score_date") == F.lit(after)) & (F.col("role") == CHAMPION))
    assert scores.count() == page["in_force"] > 0


def test_fault_27_a_night_without_mlflow_is_scored_by_the_cached_champion_and_says_so(bad: Bad) -> None:
    assert [x.split(" version ")[1] for x in bad.page["cached_models"]] == ["1"]
    assert ("registry_down", "firing") in {(a["rule"], a["state"]) for a in bad.page["alerts"]}
    assert "MLflow did not answer: scored with the cached" in (bad.lake / PAGE).with_name("index.html").read_text()
    lineage = bad.world.lake.read(SCORES).where(F.col("score_date") == F.lit(NIGHT)).select("lineage.model_version").distinct()
    assert [r[0] for r in lineage.collect()] == ["1"]


def test_alerts_are_listed_and_silenced_by_command(bad: Bad) -> None:
    said = bad.world.telematics("alerts", "silence", "volume", "--until", f"{NIGHT}", "--reason", "holiday", "--as", "ann")
    assert (said.code, "a silence ends between today and" in said.err) == (3, True)
    unknown = bad.world.telematics("alerts", "silence", "volum", "--until", "2099-01-01", "--reason", "x")
    assert (unknown.code, "unknown rule 'volum': choose stopped, files_refused" in unknown.err) == (3, True)
    listed = bad.world.telematics("alerts", "list", "--format", "json", "--date", f"{NIGHT}")
    assert ("volume", "firing") in {(x["rule"], x["state"]) for x in json.loads(listed.out)}, listed.err
