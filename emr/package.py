"""An environment for EMR as one archive: the platform's wheel, its configuration and what they need, for Amazon Linux 2023.

Spark and Delta, with their Python modules, come from EMR. Python 3.11 does too: `bin/python` of the archive makes a
virtual environment around it where it is unpacked (emr/environment/python.sh).
"""

import json
import os
import re
import shutil
import subprocess  # nosec B404 # commands of this file, no shell
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from emr.archive import EPOCH, pack, sha256_of, tidy
from lake.errors import EnvironmentProblem

ROOT = Path(__file__).parents[1]
"""The source tree that is packaged."""
DATA = Path(__file__).parent / "environment"
LOCK = DATA / "requirements.lock"
SITE = Path("lib/python3.11/site-packages")
Arch = Literal["x86_64", "arm64"]
GLIBC = (2, 34)
"""Of Amazon Linux 2023."""


@dataclass(frozen=True)
class Machine:
    """What uv, wheels and ELF call an architecture."""

    platform: str
    tag: str
    elf: int


MACHINES: dict[Arch, Machine] = {
    "x86_64": Machine("x86_64-manylinux_2_34", "x86_64", 62),
    "arm64": Machine("aarch64-manylinux_2_34", "aarch64", 183),
}
"""ELF numbers: e_machine of the System V ABI, EM_X86_64 and EM_AARCH64."""
DEPLOYED: Arch = "arm64"
"""Of every application and cluster of emr/terraform; `doctor` holds the application to it, `deploy` the archive."""
WITHOUT_ARM64_WHEEL = ("timezonefinder",)
"""No arm64 wheel is published. Its Python is the same everywhere, and uses numba; its C part is left out."""


@dataclass(frozen=True)
class Manifest:
    """What an archive is; kept beside it as JSON, with the proof that it was tested."""

    archive: str
    sha256: str
    bytes: int
    unpacked_bytes: int
    arch: Arch
    wheel: str
    wheel_sha256: str
    lock_sha256: str
    git_commit: str
    python: str = "3.11"
    versions: dict[str, str] = field(default_factory=dict)
    self_test: dict[str, Any] | None = None

    def write(self, folder: Path) -> Path:
        """Write it beside the archive; returns the file."""
        target = folder / f"{self.archive.removesuffix('.tar.gz')}.json"
        new = target.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n")
        return new.replace(target)


def this_arch() -> Arch:
    """The machine's own architecture."""
    return "arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64"


def build_wheel(out: Path, root: Path = ROOT) -> Path:
    """The project's wheel from its source tree, with the same bytes for the same sources.

    Raises EnvironmentProblem where there is no source tree, or where it cannot be built.
    """
    if not (root / "setup.py").is_file():
        raise EnvironmentProblem(f"{root} has no setup.py: package from a checkout of the project")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as work:
        copy = Path(work) / "source"
        copy_sources(root, copy)
        run(
            [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", f"{work}/dist"],
            cwd=copy,
            env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH), "PYTHONHASHSEED": "0", "PYTHONPATH": ""},
        )
        built = next(Path(work, "dist").glob("*.whl"))
        return Path(shutil.move(built, out / built.name))


def copy_sources(root: Path, copy: Path) -> None:
    """What a wheel is made of; modes are set, as a wheel keeps them and the builder's umask must not matter."""
    leave = shutil.ignore_patterns("__pycache__", "*.pyc", "terraform", ".terraform", "results")
    packages = re.search(r"^PACKAGES = \((.*)\)$", (root / "setup.py").read_text(), re.MULTILINE)
    if packages is None:
        raise EnvironmentProblem(f"{root}/setup.py has no line PACKAGES = (…)")
    copy.mkdir()
    for name in re.findall(r'"(\w+)"', packages[1]):
        shutil.copytree(root / name, copy / name, ignore=leave)
    for name in ("setup.py", "pyproject.toml", "requirements.in"):
        shutil.copy(root / name, copy)
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def install(site: Path, arch: Arch, lock: Path = LOCK) -> None:
    """Put the lock's packages for `arch` into `site`, each held to its hashes, from wheels only."""
    machine = MACHINES[arch]
    text = lock.read_text()
    missing = [x for x in entries(text) if arch == "arm64" and x.split("==")[0] in WITHOUT_ARM64_WHEEL]
    with TemporaryDirectory() as work:
        chosen, other = Path(work, "chosen.lock"), Path(work, "other.lock")
        chosen.write_text("\n".join(x for x in entries(text) if x not in missing))
        _uv_install(site, machine.platform, chosen)
        if missing:
            other.write_text("\n".join(missing))
            _uv_install(site, MACHINES["x86_64"].platform, other)
            for name in WITHOUT_ARM64_WHEEL:
                for part in (site / name).rglob("*.so"):
                    part.unlink()


def entries(lock: str) -> Iterator[str]:
    """The lock's packages, each with its hashes."""
    return (x.strip() for x in re.split(r"\n(?=[A-Za-z0-9])", lock) if "==" in x)


def _uv_install(site: Path, platform: str, lock: Path) -> None:
    run([
        str(_uv()), "pip", "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(site),
        "--python-platform", platform, "--python-version", "3.11", "--python", sys.executable, "-r", str(lock),
    ])  # fmt: skip


def _uv() -> Path:
    from uv import find_uv_bin

    return Path(find_uv_bin())


def foreign(site: Path, arch: Arch) -> list[str]:
    """Files of another machine, and packages whose wheel tags name one, or a newer glibc than Amazon Linux 2023 has."""
    machine, wrong = MACHINES[arch], []
    for path in sorted(x for x in site.rglob("*") if x.is_file() and not x.is_symlink()):
        with path.open("rb") as stream:
            head = stream.read(20)
        if head[:4] == b"\x7fELF" and int.from_bytes(head[18:20], "little") != machine.elf:
            wrong.append(f"{path.relative_to(site)}: ELF machine {int.from_bytes(head[18:20], 'little')}")
    for path in sorted(site.glob("*.dist-info/WHEEL")):
        tags = re.findall(r"^Tag: \S+-(\S+)$", path.read_text(), re.MULTILINE)
        name = path.parent.name.split("-")[0]
        if not any(fits(x, machine) for x in tags) and not (arch == "arm64" and name in WITHOUT_ARM64_WHEEL):
            wrong.append(f"{path.parent.name}: {', '.join(tags)}")
    return wrong


def fits(tag: str, machine: Machine) -> bool:
    """Whether a wheel's platform tag runs on Amazon Linux 2023 (PEP 600)."""
    if tag == "any":
        return True
    newer = re.fullmatch(rf"manylinux_(\d+)_(\d+)_{machine.tag}", tag)
    if newer:
        return (int(newer[1]), int(newer[2])) <= GLIBC
    return tag in {f"{x}_{machine.tag}" for x in ("manylinux1", "manylinux2010", "manylinux2014", "linux")}


def unwelcome(site: Path) -> list[str]:
    """What EMR brings itself and would be there twice."""
    return [name for name in ("pyspark", "py4j", "delta", "nvidia") if (site / name).exists()]


def build(arch: Arch, out: Path, level: int = 6, lock: Path = LOCK) -> Manifest:
    """Make the archive, the wheel and the manifest in `out`; the archive is not tested yet.

    Raises EnvironmentProblem naming what is of another machine, or what EMR brings itself.
    """
    wheel = build_wheel(out)
    with TemporaryDirectory(dir=out, prefix=".build-") as work:
        root = Path(work)
        site = root / SITE
        install(site, arch, lock)
        tidy(site)
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(site)
        if wrong := foreign(site, arch) + unwelcome(site):
            raise EnvironmentProblem(f"not an environment for {arch}: {'; '.join(wrong[:5])}{' …' if wrong[5:] else ''}")
        (root / "bin").mkdir()
        starter = Path(shutil.copy(DATA / "python.sh", root / "bin" / "python"))
        starter.chmod(0o755)
        new, unpacked = out / f".environment-{arch}.tar.gz", sum(x.stat().st_size for x in root.rglob("*") if x.is_file())
        pack(root, new, level)
    digest = sha256_of(new)
    archive = new.replace(out / f"environment-{arch}-{digest[:16]}.tar.gz")
    manifest = Manifest(
        archive.name, digest, archive.stat().st_size, unpacked, arch, wheel.name, sha256_of(wheel), sha256_of(lock), commit(),
        versions=dict(x.split()[0].split("==") for x in entries(lock.read_text())),
    )  # fmt: skip
    manifest.write(out)
    return manifest


def commit(root: Path = ROOT) -> str:
    """The source tree's commit, with -dirty where it has changes that are in none; unknown where there is no git."""
    try:
        return run(["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], cwd=root).strip()
    except EnvironmentProblem:
        return "unknown"


def run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command prints. Raises EnvironmentProblem with its last words where it fails or is not there."""
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, umask=0o022)  # nosec B603 # as above
    except OSError as e:
        raise EnvironmentProblem(f"{command[0]}: {e}") from e
    if done.returncode:
        words = " ".join(f"{done.stderr} {done.stdout}".split())
        raise EnvironmentProblem(f"{Path(command[0]).name} {command[1]} failed: {words[-600:]}")
    return done.stdout
