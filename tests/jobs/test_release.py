"""A night of the world computed again by this code: the same passes; a row that was altered stops, unless it is explained."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from jobs.expected import read_expected
from lake.delta import Lake
from lake.errors import ConfigError
from tests.world import NIGHTS, Said, World, command, write_conf

D = NIGHTS[-1]
CHECK = ("release", "check", "--date", str(D))


def told(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.out)
    return found


@pytest.fixture(scope="module")
def altered(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    """A copy of the lake with a price of one policy one per cent higher, and a feature of another vehicle; their names."""
    root = tmp_path_factory.mktemp("altered")
    shutil.copytree(world.root / "lake", root / "lake", ignore=shutil.ignore_patterns("_leases", "_logs", "_reports", "_staging"))
    conf = write_conf(root / "conf.yml", root)
    lake = Lake(world.spark, str(root / "lake"))
    scores = lake.read("gold.policy_scores").where(f"score_date = DATE'{D}'")
    policy = scores.where("NOT fallback").orderBy("policy_id").head()["policy_id"]
    price = F.when(F.col("policy_id") == policy, F.col("pure_premium") * 1.01).otherwise(F.col("pure_premium"))
    lake.replace_where("gold.policy_scores", scores.withColumn("pure_premium", price), f"score_date = DATE'{D}'")
    features = lake.read("gold.policy_features").where(f"as_of_date = DATE'{D}' AND feature_version = 'v1'")
    vehicle = features.where("km_90 > 0").orderBy(F.desc("vehicle_id")).head()["vehicle_id"]
    km = F.when(F.col("vehicle_id") == vehicle, F.col("km_90") + 1).otherwise(F.col("km_90"))
    where = f"as_of_date = DATE'{D}' AND feature_version = 'v1'"
    lake.replace_where("gold.policy_features", features.withColumn("km_90", km), where)
    yield conf, policy, vehicle


@pytest.mark.slow
def test_the_code_that_made_a_night_makes_it_again(world: World) -> None:
    before = world.versions()
    said = world.telematics(*CHECK, "--format", "json")
    assert said.code == 0, said.err
    found = told(said)
    assert (found["unexplained"], found["scores"], found["features"]) == (0, [], [])
    published = world.lake.read("gold.policy_scores").where(f"score_date = DATE'{D}' AND role = 'champion'").count()
    scores = [x for x in found["counted"] if x["kind"] == "scores"]
    assert sum(x["rows"] for x in scores) == published > 1000
    versions = {x["feature_version"] for x in found["counted"] if x["kind"] == "features"}
    rows = world.lake.read("gold.policy_features").where(f"as_of_date = DATE'{D}'").select("feature_version").distinct()
    assert versions == {r[0] for r in rows.collect()}
    assert world.versions() == before


@pytest.mark.slow
def test_and_from_all_policy_days_too(world: World) -> None:
    said = world.telematics(*CHECK, "--in-full")
    assert said.code == 0, said.out + said.err


@pytest.mark.slow
def test_an_altered_row_stops(altered: tuple[Path, str, str]) -> None:
    conf, policy, vehicle = altered
    said = command(conf, *CHECK, "--format", "json")
    assert said.code == 4
    assert f"2 row(s) of night {D} are not what was published" in said.err
    found = told(said)
    (score,) = found["scores"]
    assert (score["policy_id"], score["columns"], score["features"]) == (policy, ["pure_premium"], [])
    # computed again it is what it was before the planted one per cent
    assert score["change"] == pytest.approx(1 / 1.01 - 1)
    (feature,) = found["features"]
    assert (feature["vehicle_id"], feature["feature_version"], feature["columns"]) == (vehicle, "v1", ["km_90"])
    assert feature["moved"][0]["then"] - feature["moved"][0]["now"] == pytest.approx(1)
    table = command(conf, *CHECK)
    assert table.code == 4
    assert policy in table.out and vehicle in table.out


EXPLAINED = """
expected:
  - columns: [km_90]
    feature_version: v1
    reason: kilometres of the test are one too many
  - columns: [pure_premium, {more}]
    most: {most}
    reason: prices of the test are a hundredth too high
"""


@pytest.mark.slow
@pytest.mark.parametrize(("most", "code"), [(0.02, 0), (0.005, 4)])
def test_what_is_explained_passes_up_to_the_change_that_is_meant(
    altered: tuple[Path, str, str], tmp_path: Path, most: float, code: int
) -> None:
    conf, *_ = altered
    file = tmp_path / "explained.yml"
    file.write_text(EXPLAINED.format(more="relativity", most=most))
    said = command(conf, *CHECK, "--explained", str(file), "--format", "json")
    assert said.code == code, said.err
    assert told(said)["unexplained"] == (1 if code else 0)
    assert told(said)["scores"][0]["explained"] == (code == 0)
    assert ("warning: explains nothing: pure_premium" in " ".join(said.err.split())) == (code != 0)


@pytest.mark.slow
def test_a_night_that_was_not_scored_cannot_be_checked(world: World) -> None:
    said = world.telematics("release", "check", "--date", "2026-01-02")
    assert said.code == 8
    assert "night 2026-01-02 has no scores to compare with" in said.err


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("expected: [{columns: [km_9], reason: a misspelt name of a feature}]", "neither scores nor features have km_9"),
        ("expected: [{columns: [km_90], reason: short}]", "expected.0.reason"),
        ("expected: [{columns: [pure_premium], reason: no largest change is given}]", "needs `most`"),
        ("expected: [{columns: [], reason: nothing is meant by this at all}]", "expected.0.columns"),
        ("expected: [{columns: [km_90], reason: of a version that is not, feature_version: v9}]", "no feature version v9"),
        ("expects: []", "expect"),
        ("expected: [", "is not YAML"),
    ],
)
def test_a_wrong_explanation_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "explained.yml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=wrong) as raised:
        read_expected(file)
    assert str(file) in str(raised.value)
