"""The machine: Java, jars, packages, folders; each problem is one sentence that says how to mend it."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs import doctor
from lake import java
from lake.conf import Conf, load_conf
from lake.delta import check_writable
from lake.errors import EnvironmentProblem, LakeError
from lake.jars import DELTA_JARS, ensure_jars, missing_jars
from lake.session import spark_session
from tests.conftest import ROOT

JARS = Path(load_conf().jars or "").expanduser()
JAVA_8 = 'openjdk version "1.8.0_392"'
JAVA_11 = 'openjdk version "11.0.21" 2023-10-17'
JAVA_17 = 'openjdk version "17.0.15" 2025-04-15'
PACKAGES = ("conf", "lake", "transforms", "expectations", "training", "registry", "monitoring", "jobs", "simulator", "emr")


def put_java(folder: Path, says: str) -> Path:
    """A `java` that prints a version to standard error, as a real one does."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "java"
    script.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    script.chmod(0o755)
    return script


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java: its PATH is the empty folder that is returned."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(java, "SYSTEM_JAVAS", (f"{tmp_path}/jvm/*17*/bin/java",))
    return tmp_path / "bin"


def one_sentence(text: str) -> bool:
    return "\n" not in text and text.endswith(".") and "doctor --mend" in text


def test_no_java(bare: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"^Java 17 is needed, but no Java was found: ") as problem:
        java.find_java()
    assert one_sentence(str(problem.value))
    assert problem.value.exit_code == 5


@pytest.mark.parametrize(("says", "named"), [(JAVA_8, "Java 8"), (JAVA_11, "Java 11"), ("no version", "not a working Java")])
def test_wrong_java(bare: Path, says: str, named: str) -> None:
    script = put_java(bare, says)
    with pytest.raises(EnvironmentProblem, match=f"{re.escape(str(script))} is {named}: ") as problem:
        java.find_java()
    assert one_sentence(str(problem.value))


def test_java_home_before_path_and_a_wrong_one_is_passed_over(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = put_java(bare, JAVA_17)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    put_java(tmp_path / "old" / "bin", JAVA_11)
    assert java.find_java() == str(on_path)
    at_home = put_java(tmp_path / "old" / "bin", JAVA_17)
    assert java.find_java() == str(at_home)


def test_java_that_is_not_the_default_and_one_that_doctor_installed(bare: Path, tmp_path: Path) -> None:
    put_java(bare, JAVA_11)
    mended = put_java(java.installed_jdk_folder() / "jdk-17.0.15+6" / "bin", JAVA_17)
    assert java.find_java() == str(mended)
    system = put_java(tmp_path / "jvm" / "java-17-openjdk" / "bin", JAVA_17)
    assert java.find_java() == str(system)


def test_spark_does_not_start_without_java(bare: Path, conf: Conf) -> None:
    with pytest.raises(EnvironmentProblem, match="no Java was found"):
        spark_session(conf)
    check = doctor.java()
    assert (check.ok, check.what) == (False, "Java 17 is needed, but no Java was found")
    assert one_sentence(check.mend)


def jar_folder(folder: Path) -> Path:
    folder.mkdir()
    for jar in DELTA_JARS:
        (folder / jar.file_name).symlink_to(JARS / jar.file_name)
    return folder


def test_corrupt_jar_is_found(tmp_path: Path, bare: Path) -> None:
    folder = jar_folder(tmp_path / "jars")
    assert doctor.jars(folder).ok
    bad = DELTA_JARS[2]
    content = bytearray((JARS / bad.file_name).read_bytes())
    content[1000] ^= 1
    (folder / bad.file_name).unlink()
    (folder / bad.file_name).write_bytes(content)
    assert missing_jars(folder) == [bad]
    check = doctor.jars(folder)
    assert not check.ok
    assert check.what.endswith(f": {bad.file_name}")
    # it is never used: fetching it anew needs Java, which this machine lacks
    with pytest.raises(EnvironmentProblem, match="no Java was found"):
        ensure_jars(folder)


def test_jars_that_are_there_need_neither_java_nor_network(tmp_path: Path, bare: Path) -> None:
    assert [p.name for p in ensure_jars(jar_folder(tmp_path / "jars"))] == [jar.file_name for jar in DELTA_JARS]


def test_unwritable_lake(tmp_path: Path, conf: Conf) -> None:
    (tmp_path / "file").write_text("")
    lake = f"{tmp_path}/file/lake"
    with pytest.raises(LakeError, match=f"cannot write to the lake at {lake}"):
        check_writable(lake)
    found = {c.name: c for c in doctor.checks(conf.model_copy(update={"lake": lake}))}
    assert not found["lake folder"].ok
    assert not found["logs folder"].ok
    assert found["lake folder"].what.startswith(f"cannot write to {tmp_path}/file: ")
    assert found["lake folder"].mend


def test_doctor_finds_this_machine_fit_and_leaves_nothing(conf: Conf, tmp_path: Path) -> None:
    found = doctor.checks(conf)
    folders = ["lake folder", "logs folder", "reports folder", "jars folder"]
    assert [c.name for c in found] == ["python", "packages", "spark", "java", "jars", *folders, "disk", "memory"]
    # disk and memory are the machine's
    assert [c for c in found if not c.ok and c.name not in ("disk", "memory")] == []
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_a_package_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "pandas-3.0.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: pandas\nVersion: 3.0.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    check = doctor.packages()
    assert (check.ok, check.what) == (False, "pandas is 3.0.1 and not ==2.3.3")


def test_doctor_refuses_another_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    check = doctor.spark_home()
    assert not check.ok
    assert check.mend == "Unset SPARK_HOME."


def test_lock_pins_everything_by_hash_and_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = {}
    for entry in re.split(r"\n(?=[a-z0-9])", lock.strip()):
        pin = re.match(r"([a-z0-9.-]+)==([^ ;]+)", entry)
        assert pin, entry
        pins[pin[1]] = pin[2]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{pin[1]} has no hash"
    assert "://" not in lock
    assert not [line for line in lock.splitlines() if line.startswith("-")]
    assert pins["pyspark"] == "4.1.1"
    direct = re.findall(r"^[A-Za-z0-9_-]+", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert {x.replace("_", "-").lower() for x in direct} - set(pins) == set()


def test_make_install_without_python_311_is_one_sentence(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "make"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["make", "install"], cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    first, *rest = done.stderr.strip().splitlines()
    assert first.startswith("Python 3.11 is needed, and neither python3.11 nor python3 is one: install it")
    # what remains is make's own line
    assert len(rest) == 1
    assert not (tmp_path / ".venv").exists()


def test_wheel_holds_every_package_and_its_data(tmp_path: Path) -> None:
    for name in (*PACKAGES, "tests/emr"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "requirements.in"):
        shutil.copy(ROOT / name, tmp_path / name)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(tmp_path),
        ".",
    ]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("insurityai_telematics-0.1.0-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(p.relative_to(ROOT)) for x in PACKAGES for s in ("*.py", "*.yml", "*.j2", "*.html") for p in (ROOT / x).rglob(s)
    }
    assert wanted - names == set()
    assert {"conf/local.yml", "conf/production.yml", "jobs/cli.py", "emr/entry.py"} <= names
    assert not [n for n in names if n.startswith("tests/")]
