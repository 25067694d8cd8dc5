"""An exam pack is read only where hashes, history and digest agree with each other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lake.errors import InputError
from registry.exam import export
from registry.pack import read_pack
from registry.versions import choose
from tests.registry.given import MODEL, conf_with_champion, store
from tests.registry.packs import packed, unpacked
from tests.training.given import trained

Change = Callable[[dict[str, bytes]], None]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    conf = conf_with_champion()
    return export(conf, choose(conf, MODEL, "1"), tmp_path_factory.mktemp("packs"))


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def refused(path: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_pack(path)


def test_a_pack_says_what_it_is(pack: Path) -> None:
    found = read_pack(str(pack))
    registry = conf_with_champion().registry_history
    assert vars(found.origin) == {
        "registry": registry, "model": MODEL, "version": "1", "run_id": store()[1].run_id, "author": "ann",
    }  # fmt: skip
    assert found.state == "champion"
    assert found.contents.metrics()["frequency_model_gini"] == trained().metrics["frequency_model_gini"].value
    assert found.contents.params == trained().params
    assert found.contents.data_hash == trained().data_hash


@pytest.mark.parametrize(
    "name", ["model/frequency.ubj", "model/lineage.json", "evidence/card.md", "evidence/report.html", "history/000001.json"]
)
def test_a_byte_that_was_changed_is_named(pack: Path, tmp_path: Path, name: str) -> None:
    files = unpacked(pack)
    files[name] = flipped(files[name])
    refused(packed(files, tmp_path / "p.zip", is_summed=False), f"was changed: {name} not as SHA256SUMS says")


def test_any_byte_of_the_file_that_was_changed_is_found(pack: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    path.write_bytes(flipped(pack.read_bytes()))
    refused(str(path), "is no exam pack, or was changed")


def _another_model(files: dict[str, bytes]) -> None:
    files["model/frequency.ubj"] = files["model/severity.ubj"]


def _better_evidence(files: dict[str, bytes]) -> None:
    files["evidence/fairness.json"] = files["evidence/fairness.json"].replace(b"not assessed", b"assessed")


def _another_digest(files: dict[str, bytes]) -> None:
    files["history/000001.json"] = files["history/000001.json"].replace(b'"digest": "', b'"digest": "0')


def _another_author(files: dict[str, bytes]) -> None:
    files["history/000001.json"] = files["history/000001.json"].replace(b'"ann"', b'"eve"')


def _without_an_entry(files: dict[str, bytes]) -> None:
    del files["history/000002.json"]


def _another_story(files: dict[str, bytes]) -> None:
    files["history.json"] = files["history.json"].replace(b"for the tests", b"for no reason")


def _known_as_broken(files: dict[str, bytes]) -> None:
    files["history.json"] = files["history.json"].replace(b'"broken": ""', b'"broken": "entry 2 cannot be read"')


def _another_version(files: dict[str, bytes]) -> None:
    files["pack.json"] = files["pack.json"].replace(b'"version": "1"', b'"version": "7"')


def _without_an_artefact(files: dict[str, bytes]) -> None:
    del files["evidence/reasons.json"]


def _with_a_pickle(files: dict[str, bytes]) -> None:
    files["model/model.pkl"] = b"x"


def _of_an_older_release(files: dict[str, bytes]) -> None:
    del files["pack.json"]


def _climbing(files: dict[str, bytes]) -> None:
    files["evidence/../../climbed_out"] = b"x"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_another_model, "its files are not those that .* version 1 was registered with"),
        (_better_evidence, "its files are not those that"),
        (_another_digest, "its history does not hold: entry 2 does not follow"),
        (_another_author, "its history does not hold: entry 2 does not follow"),
        (_without_an_entry, "its history does not hold: history.json and the entries do not agree"),
        (_another_story, "its history does not hold: history.json and the entries do not agree"),
        (_known_as_broken, "its history does not hold: entry 2 cannot be read"),
        (_another_version, "its history does not say how .* version 7 came to be"),
        (_without_an_artefact, "it is not a version's files: evidence/reasons.json"),
        (_with_a_pickle, "it is not a version's files: more than the model"),
        (_of_an_older_release, "has no pack.json: .* export it again"),
        (_climbing, "is no exam pack: it holds names that no pack has"),
    ],
)
def test_a_pack_with_hashes_made_anew_does_not_agree_with_itself(pack: Path, tmp_path: Path, change: Change, match: str) -> None:
    files = unpacked(pack)
    change(files)
    assert files != unpacked(pack)
    refused(packed(files, tmp_path / "p.zip"), match)
    assert not list(tmp_path.parent.rglob("climbed_out"))


def test_what_is_no_pack_is_refused(pack: Path, tmp_path: Path) -> None:
    text, other = tmp_path / "a.zip", tmp_path / "b.zip"
    text.write_text("not a zip")
    packed({"a.txt": b"x"}, other, is_summed=False)
    for path, match in (
        (str(text), "a.zip is no exam pack, or was changed"),
        (str(other), "b.zip is no exam pack of `telematics registry export`"),
        (str(tmp_path / "c.zip"), "c.zip cannot be read: No such file"), (str(tmp_path), "cannot be read: Is a directory"),
    ):  # fmt: skip
        refused(path, match)
