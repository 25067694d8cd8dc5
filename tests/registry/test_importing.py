"""A version goes from one registry to another as an exam pack: the same to the byte, decided anew, and once."""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from lake.conf import Conf, load_conf
from lake.errors import InputError, LakeError, ModelRefused
from registry import history as h
from registry.actors import Actor
from registry.champion import FILES, JUDGED, champion, load
from registry.deciding import Decision, approve, gates, promote
from registry.exam import export, told
from registry.importing import import_pack
from registry.log import register
from registry.store import connect
from registry.versions import choose, show, versions
from tests.registry.given import AUTHOR, LINEAGE, MODEL, REVIEWER, fairness_waiver, put_in_force
from tests.registry.packs import packed, unpacked
from tests.training.given import the_frame, trained
from training.artefacts import digest
from training.evidence import Evidence

RELEASER = Actor("lea", verified=False, source="claimed")
YES = Decision("as in production", waivers=(fairness_waiver(),))


@pytest.fixture(scope="module")
def production() -> Iterator[Conf]:
    """A registry with two versions, the second held against the first, which is champion."""
    with tempfile.TemporaryDirectory() as root:
        conf = load_conf("local", lake=root)
        put_in_force(conf, MODEL, register(conf, trained(), LINEAGE, AUTHOR).version)
        register(conf, held_against("1"), LINEAGE | {"seed": "2"}, AUTHOR)
        h.append(conf, MODEL, "2", h.REJECTED, REVIEWER, "for its pack", {})
        connect(conf).log_text(choose(conf, MODEL, "2").run_id, "[]", "evidence/approvals.json")
        yield conf


def held_against(version: str) -> Evidence:
    """The training's evidence as if that champion had been there: a little better, on claims and on losses."""
    better = {"value": 0.02, "lower": 0.01, "upper": 0.03}
    diff = {"status": "compared", "version": version, "deviance_gain": better, "loss_gain": better}
    return replace(trained(), assessed=trained().assessed | {"champion_diff": diff})


@pytest.fixture(scope="module")
def packs(production: Conf, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("packs")
    return [export(production, choose(production, MODEL, number), folder) for number in ("1", "2")]


@pytest.fixture(scope="module")
def staging() -> Iterator[Conf]:
    """An empty registry; tests go on from where the one before left it."""
    with tempfile.TemporaryDirectory() as root:
        yield load_conf("local", lake=root)


def test_a_pack_becomes_a_candidate_with_the_same_files(production: Conf, staging: Conf, packs: list[Path]) -> None:
    said = import_pack(staging, str(packs[0]), RELEASER).describe()
    assert said.startswith(
        f"registered {MODEL} version 1, a candidate: version 1 of {production.registry_history}, champion there"
    )
    there, here = (load(conf, MODEL, "1") for conf in (production, staging))
    assert here.files == there.files
    assert len(here.files) == 13  # four of the model, artefacts 1 to 9
    assert here.run_id != there.run_id
    tags = [choose(conf, MODEL, "1").tags for conf in (production, staging)]
    assert {k: v for k, v in tags[1].items() if not k.startswith("origin_")} == {k: v for k, v in tags[0].items() if k != "state"}
    assert {k: v for k, v in tags[1].items() if k.startswith("origin_")} == {
        "origin_registry": production.registry_history, "origin_model": MODEL, "origin_version": "1",
        "origin_run_id": there.run_id,
    }  # fmt: skip
    assert show(staging, MODEL, "1").metrics == show(production, MODEL, "1").metrics
    (entry,) = h.read(staging, MODEL).sound().entries
    assert (entry.action, entry.actor.name, entry.detail["digest"]) == (h.REGISTERED, "lea", there.digest)


def test_its_evidence_comes_along_and_rows_of_policies_do_not(staging: Conf, packs: list[Path]) -> None:
    import mlflow

    version = choose(staging, MODEL, "1")
    found = Path(mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="evidence"))
    assert json.loads((found / "origin/history.json").read_text())["entries"][1]["action"] == h.APPROVED
    with zipfile.ZipFile(packs[0]) as pack:
        assert (found / "report.html").read_bytes() == pack.read("evidence/report.html")
        assert "evidence/test_predictions.parquet" in pack.namelist()
    assert not (found / "test_predictions.parquet").exists()
    with pytest.raises(LakeError, match=f"{MODEL} version 1: no rows of unseen policies can be read"):
        load(staging, MODEL, "1").test_predictions()


def test_the_same_pack_again_registers_nothing(staging: Conf, packs: list[Path]) -> None:
    again = import_pack(staging, str(packs[0]), REVIEWER)
    assert again.describe().startswith(f"nothing was registered: {MODEL} version 1 is it already")
    assert len(versions(staging)) == 1
    assert len(h.read(staging, MODEL).entries) == 1


def test_what_it_was_there_it_is_not_here(staging: Conf) -> None:
    version = choose(staging, MODEL, "1")
    with pytest.raises(ModelRefused, match="version 1 is not approved"):
        promote(staging, version, REVIEWER)
    with pytest.raises(ModelRefused, match=r"lea has imported .* version 1: somebody else must approve it"):
        approve(staging, version, RELEASER, YES)
    with pytest.raises(ModelRefused, match=r"ann is the author of .* version 1: somebody else must approve it"):
        approve(staging, version, AUTHOR, YES)
    with pytest.raises(ModelRefused, match=r"may not be approved: fairness \(not assessed\)"):
        approve(staging, version, REVIEWER, Decision("its waiver is of the other registry"))


def test_approved_and_promoted_here_it_scores_as_there(production: Conf, staging: Conf) -> None:
    put_in_force(staging, MODEL, "1")
    rows = the_frame().head(200)
    there, here = (champion(conf, "liability") for conf in (production, staging))
    pd.testing.assert_frame_equal(here.scorer.score(rows), there.scorer.score(rows), check_exact=True)
    assert here.lineage == there.lineage


def test_a_candidate_is_held_against_the_champion_that_is_the_same_version_there(staging: Conf, packs: list[Path]) -> None:
    # numbers differ here: version 2 is trained here, and version 3 is the second of production, held against its first
    register(staging, trained(), LINEAGE, AUTHOR)
    assert import_pack(staging, str(packs[1]), RELEASER).version == "3"
    third = choose(staging, MODEL, "3")
    assert {g.name: g.status for g in gates(staging, third, [])}["champion"] == "pass"
    champion_waivers = [fairness_waiver().model_copy(update={"gate": gate}) for gate in ("champion", "severity")]
    approve(staging, choose(staging, MODEL, "2"), REVIEWER, Decision("", waivers=(fairness_waiver(), *champion_waivers)))
    promote(staging, choose(staging, MODEL, "2"), REVIEWER)
    # the evidence speaks of production's version 1, which is not what is in force now
    figure = {g.name: g.figure for g in gates(staging, third, [])}["champion"]
    assert figure == "held against version 1, and version 2 of this registry is champion: train again"


def test_a_version_is_its_own_pack_already(production: Conf, packs: list[Path]) -> None:
    assert not import_pack(production, str(packs[1]), RELEASER).is_new
    assert len(versions(production)) == 2


def made_anew(files: dict[str, bytes], author: Actor = AUTHOR) -> None:
    """A history, hashes and a digest that agree with the files, as if `author` had registered them."""
    first = json.loads(files["history/000001.json"])
    judged = {n.partition("/")[2]: x for n, x in files.items() if n.startswith(("model/", "evidence/"))}
    first["detail"]["digest"] = digest({n: x for n, x in judged.items() if n in (*FILES, *JUDGED)})
    bodies, previous = [h.Entry.parse(x) for n, x in sorted(files.items()) if n.startswith("history/")], ""
    for number, entry in enumerate(bodies, 1):
        changed = {"detail": first["detail"], "actor": author} if number == 1 else {}
        body = replace(entry, previous=previous, **changed).body()
        files[f"history/{number:06d}.json"], previous = body, hashlib.sha256(body).hexdigest()
    files["history.json"] = json.dumps(told(h.chain(lambda n: files.get(f"history/{n:06d}.json")))).encode()


def test_two_packs_of_one_version_with_other_files_are_not_both_genuine(staging: Conf, packs: list[Path], tmp_path: Path) -> None:
    files = unpacked(packs[0])
    files["evidence/card.md"] += b"\nFit for everything.\n"
    made_anew(files)
    with pytest.raises(InputError, match="version 1 is of the same origin and has other files: one is not genuine"):
        import_pack(staging, packed(files, tmp_path / "p.zip"), RELEASER)
    assert len(versions(staging)) == 3


def test_a_pack_that_was_changed_registers_nothing(packs: list[Path], tmp_path: Path) -> None:
    empty, files = load_conf("local", lake=str(tmp_path / "lake")), unpacked(packs[0])
    files["model/frequency.ubj"] = files["model/severity.ubj"]
    with pytest.raises(InputError, match="its files are not those that") as e:
        import_pack(empty, packed(files, tmp_path / "p.zip"), RELEASER)
    assert e.value.exit_code == 3
    assert versions(empty) == []
    assert not (tmp_path / "lake").exists()


def test_an_author_that_only_the_history_names_is_refused(packs: list[Path], tmp_path: Path) -> None:
    """The digest, which people compare, covers the files and their lineage."""
    files = unpacked(packs[0])
    made_anew(files, RELEASER)
    with pytest.raises(InputError, match="its history names another author than its files"):
        import_pack(load_conf("local", lake=str(tmp_path / "lake")), packed(files, tmp_path / "p.zip"), RELEASER)


def test_a_pack_that_says_to_be_of_here_and_is_not(packs: list[Path], tmp_path: Path) -> None:
    empty, files = load_conf("local", lake=str(tmp_path / "lake")), unpacked(packs[0])
    source = json.loads(files["pack.json"])
    files["pack.json"] = json.dumps(source | {"registry": empty.registry_history}).encode()
    with pytest.raises(InputError, match=f"is of this registry, which has no such {MODEL} version 1"):
        import_pack(empty, packed(files, tmp_path / "p.zip"), RELEASER)


def test_nobody_imports_under_a_name_that_nobody_vouches_for(packs: list[Path], tmp_path: Path) -> None:
    conf = load_conf("local", lake=str(tmp_path / "lake"))
    strict = conf.model_copy(update={"registry": conf.registry.model_copy(update={"require_verified": True})})
    with pytest.raises(ModelRefused, match="nobody vouches for lea"):
        import_pack(strict, str(packs[0]), RELEASER)
    assert versions(conf) == []


def test_what_was_imported_under_such_a_name_is_approved_by_nobody(packs: list[Path], tmp_path: Path) -> None:
    conf = load_conf("local", lake=str(tmp_path / "lake"))
    version = import_pack(conf, str(packs[0]), RELEASER).version
    strict = conf.model_copy(update={"registry": conf.registry.model_copy(update={"require_verified": True})})
    with pytest.raises(ModelRefused, match="nobody vouches for lea"):
        approve(strict, choose(strict, MODEL, version), Actor("ron", verified=True, source="MLflow"), YES)
