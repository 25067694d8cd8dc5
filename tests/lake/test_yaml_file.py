"""Whatever is wrong with a file that people write, every one of its readers says so in one line that names it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.cli import run
from jobs.expected import read_expected
from lake import event_rules
from lake.conf import CONF_FOLDER, load_conf
from lake.errors import ConfigError
from lake.sources import load_source
from lake.yaml_file import mapping
from monitoring.rules import load_rules
from registry.gates import load_thresholds
from training.spec import load_spec

EXPLAINED = "expected: [{columns: [km_90], reason: kilometres of the test are one too many}]\n"
READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "conf": (lambda path: load_conf(str(path)), (CONF_FOLDER / "local.yml").read_text()),
    "source": (lambda path: load_source(path.stem, path.parent), (CONF_FOLDER / "sources" / "sim_phone.yml").read_text()),
    "rules": (lambda path: event_rules.load_rules(path.stem, path.parent), (CONF_FOLDER / "rules" / "ladder-v1.yml").read_text()),
    "explained": (read_expected, EXPLAINED),
    "gates": (load_thresholds, (CONF_FOLDER / "gates.yaml").read_text()),
    "alerts": (load_rules, (CONF_FOLDER / "alerts.yaml").read_text()),
    "spec": (load_spec, (CONF_FOLDER / "models" / "be_mtpl97.yml").read_text()),
}
"""How each kind of file is read, and one that is right."""
WRONG = {
    "list": ("- a\n- b\n", ": not a mapping"),
    "no list": ("[]", ": not a mapping"),
    "text": ("hello", ": not a mapping"),
    "number": ("0", ": not a mapping"),
    "Latin-1": ("# a\n# für\n", ": line 2: byte 0xfc is not utf-8"),
    "no text": ("a: \0", " is not YAML: line 1: special characters are not allowed"),
    "no YAML": ("a: 1\nb: [\n", " is not YAML: line 3: while parsing a flow node"),
    "no day": ("a: 1\nb: 2026-02-30\n", " is not YAML: line 2: no timestamp: day is out of range"),
    "too deep": ("[" * 5000, " is not YAML: nested too deeply"),
    "two": ("a: 1\n---\na: 1\n", " is not YAML: line 2: expected a single document"),
    "no name": ("1: a\n", ": 1: a key is a name"),
    "repeated": ("a: 1\nb: {}\na: 2\n", ": line 1: repeated: a"),
    "repeated below": ("a:\n  c: 1\n  c: 1\n", ": line 2: repeated: c"),
    "repeated in braces": ("a: [{c: 1, 'c': 1}]\n", ": line 1: repeated: c"),
    "empty": ("", ": Field required"),
}  # fmt: skip


def refusal(kind: str, path: Path) -> str:
    """The one line."""
    with pytest.raises(ConfigError) as e:
        READERS[kind][0](path)
    assert type(e.value) is ConfigError and "\n" not in str(e.value)
    return str(e.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine-v1.yml"


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line_that_names_the_file(path: Path, kind: str, name: str) -> None:
    text, wrong = WRONG[name]
    path.write_bytes(text.encode("latin-1"))
    said = refusal(kind, path)
    assert said.startswith(str(path)) and wrong in said


@pytest.mark.parametrize("kind", READERS)
def test_a_wrong_key_is_named(path: Path, kind: str) -> None:
    path.write_text(f"{READERS[kind][1]}\nsing: 1\n")
    assert refusal(kind, path) == f"{path}: sing: Extra inputs are not permitted"


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_is_missing_or_a_folder_is_named(path: Path, kind: str) -> None:
    assert path.stem in refusal(kind, path)
    path.mkdir()
    assert path.stem in refusal(kind, path)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_ends_a_command_with_2_and_one_line(
    path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, wrong = WRONG[name]
    path.write_bytes(text.encode("latin-1"))
    assert run(["--conf", str(path), "lease", "show"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}") and wrong in said and said.count("\n") == 1
    assert "defect" not in said


def test_a_variable_that_cannot_be_read_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(READERS["conf"][1])
    monkeypatch.setenv("TELEMATICS_LANDING", "var/landing")
    assert 'error parsing value for field "landing"' in refusal("conf", path)
    monkeypatch.delenv("TELEMATICS_LANDING")
    monkeypatch.setenv("TELEMATICS_UI_PORT", "1234")
    assert load_conf(str(path)).ui_port == 1234


@pytest.mark.parametrize("folder", ["3", "[s3://b/c]"])
def test_a_folder_that_is_no_text_is_a_wrong_key(path: Path, folder: str) -> None:
    path.write_text(f"{READERS['conf'][1]}\nsources_folder: {folder}\n")
    assert "sources_folder: Input should be a valid string" in refusal("conf", path)


def test_what_stands_in_the_file_is_not_quoted(path: Path) -> None:
    path.write_text("mlflow_tracking_uri: http://u:geheim-1@h\nlake: 'geheim-2\n")
    assert "geheim" not in refusal("conf", path)


def test_keys_that_are_merged_in_may_be_said_again() -> None:
    text = "a: {deep: {b: &b {<<: &c {x: 1, y: 1}, x: 2}}}\nd: {<<: *b, y: 3}\n"
    assert mapping(text, "f") == {"a": {"deep": {"b": {"x": 2, "y": 1}}}, "d": {"x": 2, "y": 3}}
