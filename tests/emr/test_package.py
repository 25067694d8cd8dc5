"""The archive: what is in it, its bytes, its Python, and what it refuses; on an environment of two packages."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from emr.archive import pack, sha256_of, tidy
from emr.package import LOCK, MACHINES, ROOT, SITE, Arch, Manifest, build, entries, fits, foreign, install, this_arch
from emr.self_test import own_python, passed, read_manifest, run_job, self_test, unpack
from lake.errors import EnvironmentProblem

SMALL = ("pyyaml", "tzdata")
"""One with compiled code, one without."""
SCRIPTED = "charset-normalizer"
"""One with a console script."""


def pins(lock: Path) -> dict[str, str]:
    return dict(x.split()[0].split("==") for x in entries(lock.read_text()))


@pytest.fixture(scope="module")
def small_lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lock = tmp_path_factory.mktemp("lock") / "requirements.lock"
    lock.write_text("\n".join(x for x in entries(LOCK.read_text()) if x.split("==")[0] in SMALL))
    return lock


@pytest.fixture(scope="module")
def small(small_lock: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    out = tmp_path_factory.mktemp("small")
    return out, build(this_arch(), out, lock=small_lock)


def test_lock_is_the_projects_without_what_emr_brings() -> None:
    project, ours = pins(ROOT / "requirements.lock"), pins(LOCK)
    assert ours.pop("xgboost-cpu") == project["xgboost"]
    assert {name: project.get(name) for name in ours} == ours
    runtime = (ROOT / "requirements.in").read_text().split("# development")[0]
    direct = {re.split("==", x)[0].replace("_", "-") for x in runtime.splitlines() if x and not x.startswith("#")}
    assert direct - ours.keys() == {"pyspark", "delta-spark", "xgboost", "install-jdk"}
    assert not {"pyspark", "py4j", "delta-spark", "xgboost", "nvidia-nccl-cu12", "pytest", "uv"} & ours.keys()


def test_two_builds_give_the_same_bytes(small: tuple[Path, Manifest], small_lock: Path, tmp_path: Path) -> None:
    out, first = small
    before = os.umask(0o077)
    try:
        second = build(first.arch, tmp_path, lock=small_lock)
    finally:
        os.umask(before)
    assert (second.sha256, second.wheel_sha256) == (first.sha256, first.wheel_sha256)
    assert sha256_of(out / first.archive) == sha256_of(tmp_path / second.archive) == first.sha256
    assert first.archive == f"environment-{first.arch}-{first.sha256[:16]}.tar.gz"


def test_archive_holds_the_platform_and_no_traps(small: tuple[Path, Manifest]) -> None:
    out, manifest = small
    with tarfile.open(out / manifest.archive) as tar:
        members = tar.getmembers()
    names = [x.name for x in members]
    assert names == sorted(names)
    assert {(x.uid, x.gid, x.uname, x.mtime) for x in members} == {(0, 0, "", 315532800)}
    assert [x.name for x in members if not (x.isfile() or x.isdir())] == []  # no links
    held = ("jobs/cli.py", "conf/production.yml", "conf/sources/sim_phone.yml", "emr/throughput.yml")
    assert {f"{SITE}/{x}" for x in held} <= set(names)
    assert [x for x in names if x.startswith("bin/")] == ["bin/python"]
    assert not [
        x for x in names if "__pycache__" in x or x.endswith(("pyvenv.cfg", ".pyc", "uv_cache.json")) or "/terraform" in x
    ]


def test_manifest_says_what_it_is(small: tuple[Path, Manifest], small_lock: Path) -> None:
    out, manifest = small
    found = read_manifest(out / f"{manifest.archive.removesuffix('.tar.gz')}.json")
    assert found == manifest
    assert found.versions == pins(small_lock) and found.lock_sha256 == sha256_of(small_lock)
    assert found.bytes == (out / found.archive).stat().st_size and found.unpacked_bytes > found.bytes
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", found.git_commit)
    assert not passed(found)
    (out / "x.json").write_text(json.dumps({"archive": "x"}))
    with pytest.raises(EnvironmentProblem, match=r"x\.json is no manifest"):
        read_manifest(out / "x.json")


def test_its_python_is_the_workers_in_a_virtual_environment_made_there(small: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = small
    unpack(out / manifest.archive, tmp_path)
    say = (
        "import sys, yaml, lake, subprocess as s; again = s.run([sys.executable, '-c', 'import lake'], check=True).returncode; "
        "print(sys.prefix, sys.base_prefix, yaml.__file__, lake.__file__, sys.executable, again)"
    )
    env = {"PATH": "/usr/bin:/bin", "TELEMATICS_PYTHON": own_python()}
    # executors of one worker start at the same time
    started = [
        subprocess.Popen(["./environment/bin/python", "-c", say], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in started:
        prefix, base, yaml, lake, executable, again = process.communicate(timeout=60)[0].split()
        assert Path(prefix) == tmp_path / "environment" and base == sys.base_prefix
        assert {Path(x).is_relative_to(tmp_path / "environment") for x in (yaml, lake, executable)} == {True}
        assert again == "0"
    assert {x.name for x in (tmp_path / "environment" / "bin").iterdir()} == {"python", "python3.11"}


def test_without_python_on_the_worker_it_says_so(small: tuple[Path, Manifest], tmp_path: Path) -> None:
    out, manifest = small
    root = unpack(out / manifest.archive, tmp_path)
    starter = root / "bin" / "python"
    # as if this machine had none in the usual places
    text, replaced = re.subn(r"for candidate in .*; do", 'for candidate in "${TELEMATICS_PYTHON:-}"; do', starter.read_text())
    starter.write_text(text)
    env = {"PATH": "/usr/bin:/bin", "TELEMATICS_PYTHON": "/gone"}
    done = subprocess.run([starter], env=env, capture_output=True, text=True, check=False)
    assert replaced == 1
    assert (done.returncode, done.stderr[:36]) == (127, "environment: there is no Python 3.11")


@pytest.mark.parametrize("arch", MACHINES)
def test_compiled_files_of_another_machine_are_found(small_lock: Path, tmp_path: Path, arch: Arch) -> None:
    other: Arch = "arm64" if arch == "x86_64" else "x86_64"
    install(tmp_path, arch, small_lock)
    assert foreign(tmp_path, arch) == []
    wrong = foreign(tmp_path, other)
    assert any("_yaml" in x and f"ELF machine {MACHINES[arch].elf}" in x for x in wrong)
    assert any(x.lower().startswith("pyyaml") for x in wrong if "manylinux" in x)


def test_wheels_for_a_newer_glibc_are_refused() -> None:
    arm = MACHINES["arm64"]
    assert [fits(x, arm) for x in ("any", "manylinux_2_34_aarch64", "manylinux2014_aarch64")] == [True] * 3
    assert [fits(x, arm) for x in ("manylinux_2_35_aarch64", "manylinux_2_17_x86_64", "macosx_11_0_arm64")] == [False] * 3


def test_an_archive_for_another_machine_is_checked_and_a_broken_one_does_not_pass(small_lock: Path, tmp_path: Path) -> None:
    other: Arch = "arm64" if this_arch() == "x86_64" else "x86_64"
    manifest = build(other, tmp_path, lock=small_lock)
    tested = self_test(manifest, tmp_path)
    assert passed(tested) and tested.self_test is not None and tested.self_test["ran"] is False
    with pytest.raises(EnvironmentProblem, match=r"ELF machine"):
        self_test(replace(manifest, arch=this_arch()), tmp_path)
    (tmp_path / manifest.archive).write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="is not what its manifest says"):
        self_test(manifest, tmp_path)


def test_packing_leaves_out_times_modes_and_hard_links(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, mode in ((one, 0o600), (two, 0o664)):
        folder.mkdir()
        (folder / "b").write_text("b")
        (folder / "b").chmod(mode)
        (folder / "a").write_text("b")
    (two / "a").unlink()
    (two / "a").hardlink_to(two / "b")
    os.utime(two / "b", (1, 1))
    for folder in (one, two):
        pack(folder, folder.with_suffix(".tar.gz"))
    assert one.with_suffix(".tar.gz").read_bytes() == two.with_suffix(".tar.gz").read_bytes()


def test_image_holds_the_same_lock_and_entry_point() -> None:
    text = (ROOT / "emr" / "images" / "job" / "Dockerfile").read_text()
    copied = [x.split()[1] for x in text.splitlines() if x.startswith("COPY")]
    assert copied[0] == str(LOCK.relative_to(ROOT)) and copied[2] == "emr/entry.py"
    assert all((ROOT / x).is_file() for x in (copied[0], copied[2]))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"]
    assert "--require-hashes" in text and f"python{version} -m venv" in text
    assert re.search(r"^FROM public\.ecr\.aws/emr-serverless/spark/emr-spark-8\.1\.0:", text, re.MULTILINE)
    assert text.rstrip().endswith("USER hadoop:hadoop")


def test_bytes_do_not_depend_on_the_builders_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, packed = tmp_path / "requirements.lock", []
    lock.write_text("\n".join(x for x in entries(LOCK.read_text()) if x.split("==")[0] == SCRIPTED))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "elsewhere"], check=True)
    for python in (sys.executable, str(tmp_path / "elsewhere" / "bin" / "python")):
        site = tmp_path / f"site{len(packed)}"
        monkeypatch.setattr(sys, "executable", python)
        install(site, this_arch(), lock)
        (script, *_) = (site / "bin").iterdir()
        assert python in script.read_text()
        tidy(site)
        pack(site, tmp_path / "site.tar.gz")
        packed.append((tmp_path / "site.tar.gz").read_bytes())
    assert packed[0] == packed[1]
    # what is left of the record is the package's own
    (record,) = site.glob("*.dist-info/RECORD")
    assert record.exists() and all((site / x.split(",")[0]).exists() for x in record.read_text().splitlines())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rows": 9}, "9 rows of 10"),
        ({"prefix_is_archive": False}, "prefix is not the archive"),
        ({"forbidden": ["pyspark"]}, r"EMR brings .*pyspark"),
        ({"delta_from": "site-packages"}, "site-packages, not of its jar"),
    ],
)
def test_what_the_self_test_finds_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object], why: str
) -> None:
    well = {"modules": 9, "rows": 10, "prefix_is_archive": True, "forbidden": [], "delta_from": "delta-spark.jar"}
    printed = [well, well | wrong]
    monkeypatch.setattr("emr.self_test.spark_submit", lambda *given: json.dumps(printed.pop(0)))
    assert run_job(tmp_path) == {"ran": True, **well}
    with pytest.raises(EnvironmentProblem, match=why):
        run_job(tmp_path)
