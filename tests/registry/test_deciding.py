"""Versions move only through gates, by somebody else than their author, and what was decided cannot be changed afterwards."""

import dataclasses
import datetime as dt
import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lake.conf import Conf, load_conf
from lake.errors import ConfigError, EnvironmentProblem, InputError, ModelRefused, NoChampion
from registry import history as h
from registry.actors import Actor
from registry.canary import Share, canary, set_canary, verdict, withdraw
from registry.champion import champion, load
from registry.comparing import compare, rival
from registry.deciding import Decision, approve, gates, promote, reject, rollback
from registry.deciding import withdraw as withdraw_champion
from registry.exam import export, inventory
from registry.log import register
from registry.store import CHAMPION, connect
from registry.versions import Version, choose, holder
from tests.registry.given import AUTHOR, LINEAGE, MODEL, REVIEWER, fairness_waiver
from tests.training.given import trained

YES = Decision("looked at it", conditions=("only private cars",), waivers=(fairness_waiver(),))
DOWN = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def conf() -> Iterator[Conf]:
    """A store with two versions, the first of them champion: tests go on from where the one before left it."""
    with tempfile.TemporaryDirectory() as root:
        found = load_conf("local", lake=root)
        for _ in range(2):
            register(found, trained(), LINEAGE, AUTHOR)
        yield found


def version(conf: Conf, number: str) -> Version:
    return choose(conf, MODEL, number)


def test_a_version_needs_open_gates_and_another_person(conf: Conf) -> None:
    first = version(conf, "1")
    # who may approve is in the history, whatever a tag says
    connect(conf).set_model_version_tag(MODEL, "1", "author", "somebody")
    with pytest.raises(ModelRefused, match=r"ann is the author of .* version 1"):
        approve(conf, first, AUTHOR, YES)
    with pytest.raises(ModelRefused, match=r"may not be approved: fairness \(not assessed\)"):
        approve(conf, first, REVIEWER, Decision("no waiver"))
    with pytest.raises(ConfigError, match=r"gate 'monotonicity' cannot be waived; champion, calibration, fairness"):
        approve(conf, first, REVIEWER, Decision("", waivers=(fairness_waiver().model_copy(update={"gate": "monotonicity"}),)))
    old = fairness_waiver().model_copy(update={"until": dt.date(2020, 1, 1)})
    with pytest.raises(ModelRefused, match=r"fairness"):
        approve(conf, first, REVIEWER, Decision("", waivers=(old,)))
    with pytest.raises(ModelRefused, match=r"version 1 is not approved"):
        promote(conf, first, REVIEWER)
    vouched = conf.model_copy(update={"registry": conf.registry.model_copy(update={"require_verified": True})})
    with pytest.raises(ModelRefused, match=r"nobody vouches for rev"):
        approve(vouched, first, REVIEWER, YES)
    assert holder(conf, MODEL, CHAMPION) is None


def test_an_approved_version_is_promoted_and_a_killed_promotion_is_finished(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    first = version(conf, "1")
    entry, found = approve(conf, first, REVIEWER, YES)
    assert {g.name: g.status for g in found}["fairness"] == "waived"
    assert entry.detail["conditions"] == ["only private cars"]
    # the waiver ends before the year is over, and with it the approval
    assert entry.detail["expires"] == YES.waivers[0].until.isoformat()
    with monkeypatch.context() as killed:
        killed.setattr("registry.deciding._hand_over", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            promote(conf, first, REVIEWER)
    assert holder(conf, MODEL, CHAMPION) is None
    written = len(h.read(conf, MODEL).entries)
    promote(conf, first, REVIEWER)
    assert holder(conf, MODEL, CHAMPION) == "1"
    assert len(h.read(conf, MODEL).entries) == written
    assert champion(conf, "liability").version == "1"


def test_an_alias_moved_by_hand_does_not_score(conf: Conf) -> None:
    connect(conf).set_registered_model_alias(MODEL, CHAMPION, "2")
    with pytest.raises(
        ModelRefused, match=r"version 2 is not approved; see `telematics registry show pure-premium-liability 2`"
    ) as e:
        champion(conf, "liability")
    assert e.value.exit_code == 10
    connect(conf).set_registered_model_alias(MODEL, CHAMPION, "1")


def test_files_that_are_not_what_was_approved_do_not_score(conf: Conf) -> None:
    found = champion(conf, "liability")
    (kept,) = Path(conf.lake).rglob(f"{found.run_id}/performance.json")
    content = kept.read_bytes()
    kept.write_bytes(content.replace(b"frequency_model_gini", b"frequency_model_Gini"))
    # a tag that agrees with what was put there is nobody's word for it
    connect(conf).set_model_version_tag(MODEL, "1", "artefact_digest", load(conf, MODEL, "1").digest)
    assert {g.name: g.status for g in gates(conf, version(conf, "1"), [])}["digest"] == "fail"
    with pytest.raises(ModelRefused, match=r"is not what was approved: its files have digest"):
        champion(conf, "liability")
    down = conf.model_copy(update={"mlflow_tracking_uri": DOWN})
    with pytest.raises(ModelRefused, match=r"is not what was approved"):
        champion(down, "liability")
    kept.write_bytes(content)
    assert champion(down, "liability").cached


def test_an_approval_that_ended_does_not_score(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Later":
            return cls(2036, 1, 1, tzinfo=tz)

    monkeypatch.setattr("registry.approval.dt.datetime", Later)
    with pytest.raises(ModelRefused, match=r"the approval of .* version 1 ended on"):
        champion(conf, "liability")


def test_a_second_version_must_be_better_and_is_rolled_back_in_one_command(conf: Conf) -> None:
    second = version(conf, "2")
    # trained before there was a champion: held against none
    with pytest.raises(ModelRefused, match=r"champion \(held against version none, and version 1 is champion"):
        approve(conf, second, REVIEWER, YES)
    champion_waiver = fairness_waiver().model_copy(update={"gate": "champion", "why": "the same model"})
    losses_waiver = champion_waiver.model_copy(update={"gate": "severity"})
    approve(conf, second, REVIEWER, Decision("equal", waivers=(fairness_waiver(), champion_waiver, losses_waiver)))
    # an approved version whose alias was moved by hand is in nobody's history
    connect(conf).set_registered_model_alias(MODEL, CHAMPION, "2")
    with pytest.raises(ModelRefused, match=r"alias champion is on version 2, and by the history version 1 is in force"):
        champion(conf, "liability")
    # nor is a champion gone with its alias: a worse version would be a first one
    connect(conf).delete_registered_model_alias(MODEL, CHAMPION)
    with pytest.raises(ModelRefused, match=r"on version none, and by the history version 1 is in force: `telematics"):
        approve(conf, second, REVIEWER, YES)
    with pytest.raises(ModelRefused, match=r"on version none, and by the history"):
        promote(conf, second, REVIEWER)
    assert "held against version none, and version 1" in next(g.figure for g in gates(conf, second, []) if g.name == "champion")
    promote(conf, version(conf, "1"), REVIEWER)
    promote(conf, second, REVIEWER)
    assert (holder(conf, MODEL, CHAMPION), holder(conf, MODEL, "previous")) == ("2", "1")
    rollback(conf, MODEL, REVIEWER, "complaints")
    assert (holder(conf, MODEL, CHAMPION), holder(conf, MODEL, "previous")) == ("1", "2")
    assert champion(conf, "liability").version == "1"


def test_two_at_once_one_wins(conf: Conf) -> None:
    before = len(h.read(conf, MODEL).entries)
    h.append(conf, MODEL, "2", h.REJECTED, REVIEWER, "first", {}, expected=before)
    with pytest.raises(ModelRefused, match=r"somebody else was at it meanwhile: .*version 2 rejected by rev"):
        h.append(conf, MODEL, "2", h.APPROVED, REVIEWER, "second", {}, expected=before)


def test_a_refused_version_is_in_its_history_and_cannot_be_promoted(conf: Conf) -> None:
    reject(conf, version(conf, "2"), REVIEWER, "reasons are not plausible")
    with pytest.raises(ModelRefused, match=r"version 2 was rejected: reasons are not plausible"):
        promote(conf, version(conf, "2"), REVIEWER)
    with pytest.raises(ModelRefused, match=r"is champion: `telematics registry rollback"):
        reject(conf, version(conf, "1"), REVIEWER, "no")
    own = json.loads(
        connect(conf).list_artifacts(version(conf, "2").run_id, "evidence") and _artefact(conf, "2", "approvals.json")
    )
    assert [e["action"] for e in own][-1] == "rejected"


def _artefact(conf: Conf, number: str, name: str) -> str:
    import mlflow

    return Path(
        mlflow.artifacts.download_artifacts(run_id=version(conf, number).run_id, artifact_path=f"evidence/{name}")
    ).read_text()


def test_a_canary_scores_for_a_share_and_keeps_who_it_has(conf: Conf) -> None:
    second = version(conf, "2")
    with pytest.raises(InputError, match=r"--share 0.7"):
        set_canary(conf, second, 0.7, REVIEWER, "")
    champion_waiver = fairness_waiver().model_copy(update={"gate": "champion"})
    losses_waiver = champion_waiver.model_copy(update={"gate": "severity"})
    approve(conf, second, REVIEWER, Decision("again", waivers=(fairness_waiver(), champion_waiver, losses_waiver)))
    set_canary(conf, second, 0.05, REVIEWER, "a look")
    found = canary(conf, MODEL)
    assert found is not None and found[0].version == "2"
    few, ids = found[1], [f"p{i}" for i in range(4000)]
    chosen = {i for i in ids if few.holds(i)}
    assert 0.035 < len(chosen) / len(ids) < 0.065
    assert chosen <= {i for i in ids if Share(0.2, few.salt).holds(i)}
    withdraw(conf, second, REVIEWER, "enough")
    assert canary(conf, MODEL) is None
    assert [verdict(*x) for x in ((0.01, 0.02), (-0.01, 0.02), (-0.02, -0.01))] == ["widen", "hold", "withdraw"]


def test_two_versions_are_compared_on_policies_neither_has_seen(conf: Conf) -> None:
    found = compare(conf, version(conf, "1"), version(conf, "2"), seed=1)
    assert found["rows"] == len(trained().test)
    assert found["deviance_gain"]["value"] == 0
    assert found["moved_over_5_percent"] == 0
    assert len(found["top_movers"]) == 10
    assert all(r["reasons_before"] == r["reasons_after"] for r in found["top_movers"])
    assert any("price by" in text for r in found["top_movers"] for text in r["reasons_after"])


def test_the_exam_pack_proves_itself_without_network(conf: Conf, tmp_path: Path) -> None:
    path = export(conf, version(conf, "1"), tmp_path)
    with zipfile.ZipFile(path) as pack:
        files = {n: pack.read(n) for n in pack.namelist()}
    for line in files["SHA256SUMS"].decode().splitlines():
        wanted, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == wanted
    entries = json.loads(files["history.json"])["entries"]
    assert [e["previous"] for e in entries[1:]] == [e["hash"] for e in entries[:-1]]
    assert hashlib.sha256(files["history/000001.json"]).hexdigest() == entries[0]["hash"]
    assert b"http" not in files["evidence/report.html"].replace(b"http-equiv", b"")
    (line,) = inventory(conf)
    assert (line["champion"], line["approved_by"], line["owner"]) == ("1", "rev", "ann")


@pytest.mark.parametrize("harm", ["alter", "remove", "cut"])
def test_a_history_that_was_changed_is_found_and_nothing_scores(conf: Conf, harm: str) -> None:
    folder = Path(conf.registry_history) / MODEL
    paths = sorted(folder.glob("*.json"))
    path = paths[-1] if harm == "cut" else paths[1]
    content = path.read_bytes()
    if harm == "alter":
        path.write_bytes(content.replace(b"rev", b"ann"))
    else:
        path.unlink()
    with pytest.raises(ModelRefused, match=r"the history of models is not what was written: "):
        h.read(conf, MODEL).sound()
    with pytest.raises(ModelRefused, match=r"history of models"):
        champion(conf, "liability")
    path.write_bytes(content)
    assert champion(conf, "liability").version == "1"


def test_an_anchor_elsewhere_holds_the_head(conf: Conf, tmp_path: Path) -> None:
    kept = conf.registry.model_copy(update={"anchor": str(tmp_path), "history": str(tmp_path / "own")})
    own = conf.model_copy(update={"registry": kept})
    for n in range(2):
        h.append(own, MODEL, "1", h.REJECTED, REVIEWER, str(n), {})
    assert not h.read(own, MODEL).broken
    # a whole history made anew agrees with itself, and not with the anchor
    (tmp_path / "own" / MODEL / "000000000002.json").unlink()
    entry = h.Entry(2, "", MODEL, "1", h.APPROVED, REVIEWER, "", {}, h.read(own, MODEL, anchored=False).hashes[0])
    (tmp_path / "own" / MODEL / "000000000002.json").write_bytes(entry.body())
    assert "entry 2 is not the one whose hash was anchored" in h.read(own, MODEL).broken


def test_without_mlflow_nothing_is_decided(conf: Conf) -> None:
    first, down = version(conf, "1"), conf.model_copy(update={"mlflow_tracking_uri": DOWN})
    before = len(h.read(conf, MODEL).entries)
    for decide in (
        lambda: approve(down, first, REVIEWER, YES), lambda: promote(down, first, REVIEWER),
        lambda: reject(down, first, REVIEWER, "no"), lambda: rollback(down, MODEL, REVIEWER, "no"),
        lambda: gates(down, first, []), lambda: choose(down, MODEL, "1"), lambda: inventory(down),
    ):  # fmt: skip
        with pytest.raises(EnvironmentProblem, match=r"MLflow at http://127.0.0.1:9"):
            decide()
    assert len(h.read(conf, MODEL).entries) == before
    assert load(conf, MODEL, "1").version == "1"


def test_an_approval_beside_another_champion_is_not_one_beside_this(conf: Conf) -> None:
    # version 2 was last approved beside version 1, and is put in its place
    promote(conf, version(conf, "2"), REVIEWER)
    first = version(conf, "1")
    with pytest.raises(ModelRefused, match=r"version 1 was approved beside champion none, and version 2 is champion now"):
        promote(conf, first, REVIEWER)
    rollback(conf, MODEL, REVIEWER, "back")
    assert holder(conf, MODEL, CHAMPION) == "1"


def test_a_champion_that_cannot_be_loaded_keeps_nobody_from_training(conf: Conf) -> None:
    (spec,) = Path(conf.lake).rglob(f"cache/*/{version(conf, '1').run_id}/scorer.json")
    content = spec.read_text()
    spec.write_text(content.replace('"schema_version": 2', '"schema_version": 1'))
    found = rival(conf, MODEL)
    assert found is not None and found.scorer is None
    diff: dict[str, object] = {"status": "no champion"}
    found.noted(diff, "seed 1")
    assert (diff["version"], diff["status"]) == ("1", "not comparable")
    assert "another version of this library" in str(diff["why"])
    spec.write_text(content)
    found = rival(conf, MODEL)
    assert found is not None and found.scorer is not None
    # figures of rows that the champion was trained on are no comparison
    diff = {"status": "compared", "deviance_gain": {"lower": 0.1}}
    dataclasses.replace(found, split="seed 2").noted(diff, "seed 1")
    assert diff["status"] == "not comparable" and "deviance_gain" not in diff
    diff = {"status": "compared", "deviance_gain": {"lower": 0.1}}
    dataclasses.replace(found, split="seed 1").noted(diff, "seed 1")
    assert diff["status"] == "compared"


def test_an_entry_behind_the_anchor_counts_for_nothing(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    reject(conf, version(conf, "2"), REVIEWER, "for good")
    found = h.read(conf, MODEL)
    count, path = len(found.entries), Path(conf.registry_history) / MODEL / f"{len(found.entries) + 1:012d}.json"
    digest = load(conf, MODEL, "2").digest
    detail = {"digest": digest, "expires": "2099-01-01", "conditions": [], "waivers": [], "gates": [], "rollback_target": "1"}
    forged = h.Entry(count + 1, "", MODEL, "1", h.REJECTED, Actor("root", True, "AWS"), "", detail, found.hashes[-1])
    path.write_bytes(forged.body())
    monkeypatch.setattr(h, "PAUSE_S", 0.0)
    assert champion(conf, "liability").version == "1"
    assert (len(h.read(conf, MODEL).entries), h.read(conf, MODEL).beyond) == (count, (forged,))
    with pytest.raises(ModelRefused, match=r"not anchored, so it counts for nothing: .* rejected by root"):
        h.read(conf, MODEL).complete()
    with pytest.raises(ModelRefused, match=r"written and not anchored: .* rejected by root"):
        reject(conf, version(conf, "2"), REVIEWER, "no")
    # while MLflow does not answer it takes away what was given, and gives nothing
    down = conf.model_copy(update={"mlflow_tracking_uri": DOWN})
    with pytest.raises(ModelRefused, match=r"version 1 was rejected"):
        champion(down, "liability")
    path.write_bytes(dataclasses.replace(forged, version="2", action=h.APPROVED).body())
    pointer = next(Path(conf.lake).rglob("cache/*/champion.json"))
    kept = pointer.read_text()
    pointer.write_text(json.dumps(json.loads(kept) | {"version": "2", "run_id": version(conf, "2").run_id}))
    with pytest.raises(ModelRefused, match=r"version 2 was rejected: for good"):
        champion(down, "liability")
    pointer.write_text(kept)
    path.unlink()


def test_who_was_killed_before_anchoring_finishes_it(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h, "PAUSE_S", 0.0)
    count = len(h.read(conf, MODEL).entries)
    with monkeypatch.context() as killed:
        killed.setattr(h, "_anchor", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            reject(conf, version(conf, "2"), REVIEWER, "slow")
    with pytest.raises(ModelRefused, match=r"not anchored: .* rejected by rev .*slow; who wrote it"):
        reject(conf, version(conf, "2"), Actor("eve", False, "claimed"), "slow")
    reject(conf, version(conf, "2"), REVIEWER, "slow")
    assert len(h.read(conf, MODEL).complete().entries) == count + 1


def test_a_champion_is_withdrawn_and_nothing_scores_until_another_is_promoted(conf: Conf) -> None:
    written = withdraw_champion(conf, MODEL, REVIEWER, "unsafe")
    assert (written.version, holder(conf, MODEL, CHAMPION)) == ("1", None)
    with pytest.raises(NoChampion):
        champion(conf, "liability")
    down = conf.model_copy(update={"mlflow_tracking_uri": DOWN})
    with pytest.raises(ModelRefused, match=r"version 1 was withdrawn: unsafe"):
        champion(down, "liability")
    with pytest.raises(ModelRefused, match=r"version 1 was withdrawn: unsafe"):
        promote(conf, version(conf, "1"), REVIEWER)
    with pytest.raises(ModelRefused, match=r"no previous champion to go back to"):
        rollback(conf, MODEL, REVIEWER, "")
    with pytest.raises(ModelRefused, match=r"nothing to withdraw"):
        withdraw_champion(conf, MODEL, REVIEWER, "again")
    reject(conf, version(conf, "1"), REVIEWER, "for good")
    approve(conf, version(conf, "2"), REVIEWER, YES)
    promote(conf, version(conf, "2"), REVIEWER)
    assert champion(conf, "liability").version == "2"
