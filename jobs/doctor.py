"""`telematics doctor`: is this machine fit to run the platform, and how is each thing mended that is not."""

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lake.conf import Conf
from lake.errors import ConfigError, EnvironmentProblem
from lake.jars import DELTA_JARS, S3_JARS, Jar, ensure_jars, missing_jars
from lake.java import JAVA_MAJOR, MEND, find_java, installed_jdk_folder
from lake.s3 import on_s3

PYTHON = (3, 11)
"""What EMR emr-spark-8.1.0 offers and requirements.lock is made for."""
DISTRIBUTION = "insurityai-telematics"
MIN_FREE_GB = 6.0
"""A demo's lake with its history takes under 2 GB, the environment 3 GB."""
MIN_MEMORY_GB = 7.0
"""The driver's 3 GB heap, its Python workers and XGBoost; a machine sold as 8 GB shows a little less."""
_GB = 1e9


@dataclass(frozen=True)
class Check:
    """One finding: `what` is what was seen; `mend` is one sentence on how to mend it, empty where `ok`."""

    name: str
    ok: bool
    what: str
    mend: str = ""


OF_AN_ENVIRONMENT: dict[str, Callable[[Conf], list[Check]]] = {}
"""Who adds them -> checks of the account that a configuration names; layers above jobs put theirs here."""


def checks(conf: Conf) -> list[Check]:
    """Every check of this machine for a configuration, in the order in which they should be mended."""
    logs, reports = _or_none(conf, "logs_path"), _or_none(conf, "reports_path")
    folders = {"lake": conf.lake, "logs": logs, "reports": reports, "jars": conf.jars}
    local = {name: Path(folder).expanduser() for name, folder in folders.items() if folder and not on_s3(folder)}
    found = [python(), packages(), spark_home(), java()]
    found += [jars(local["jars"])] if "jars" in local else []
    found += [jars(local["jars"], "jars of S3", S3_JARS)] if "jars" in local and on_s3(conf.lake) else []
    found += [writable(name, folder) for name, folder in local.items()]
    found += [disk(local["lake"])] if "lake" in local else []
    return [*found, memory()]


def mend(conf: Conf) -> None:
    """Fetch a JDK 17 where no Java 17 is found, then the jars. Raises EnvironmentProblem naming what cannot be had."""
    try:
        find_java()
    except EnvironmentProblem:
        _install_jdk(installed_jdk_folder())
    if conf.jars is not None:
        ensure_jars(Path(conf.jars).expanduser(), DELTA_JARS + (S3_JARS if on_s3(conf.lake) else ()))


def python() -> Check:
    """The interpreter's version; Spark's workers run the same interpreter."""
    wanted, seen = ".".join(map(str, PYTHON)), ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info[:2] == PYTHON
    return Check("python", ok, f"{seen} at {sys.executable}", "" if ok else f"Make the environment anew with Python {wanted}.")


def packages() -> Check:
    """Installed packages against the versions this project was built with."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(x) for x in importlib.metadata.requires(DISTRIBUTION) or []]
    except importlib.metadata.PackageNotFoundError:
        return Check("packages", False, f"{DISTRIBUTION} is not installed", "Run `make install`.")
    wrong = []
    for need in wanted:
        try:
            seen = importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{need.name} is missing")
            continue
        if not need.specifier.contains(seen, prereleases=True):
            wrong.append(f"{need.name} is {seen} and not {need.specifier}")
    mend_ = "Install the versions of requirements.lock: run `make install`." if wrong else ""
    return Check("packages", not wrong, "; ".join(wrong) or f"{len(wanted)} as pinned", mend_)


def spark_home() -> Check:
    """SPARK_HOME, when set, makes pyspark start another Spark than the installed one."""
    import pyspark

    home = os.environ.get("SPARK_HOME")
    ok = home is None or Path(home).resolve() == Path(pyspark.__file__).resolve().parent
    what = f"{pyspark.__version__}" if ok else f"SPARK_HOME={home} is not the installed pyspark {pyspark.__version__}"
    return Check("spark", ok, what, "" if ok else "Unset SPARK_HOME.")


def java() -> Check:
    """Java 17."""
    try:
        return Check("java", True, f"Java {JAVA_MAJOR} at {find_java()}")
    except EnvironmentProblem as e:
        return Check("java", False, str(e).split(f": {MEND}")[0], f"{MEND[0].upper()}{MEND[1:]}.")


def jars(folder: Path, name: str = "jars", wanted: Sequence[Jar] = DELTA_JARS) -> Check:
    """Delta's jars, or those of S3, by checksum."""
    bad = [jar.file_name for jar in missing_jars(folder, wanted)]
    what = f"missing or not the pinned ones in {folder}: {', '.join(bad)}" if bad else f"{len(wanted)} in {folder}"
    return Check(name, not bad, what, "Run `telematics doctor --mend` with a way to the internet." if bad else "")


def writable(name: str, folder: Path) -> Check:
    """Whether a folder, or the nearest one above it that exists, can be written; nothing is left behind."""
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return Check(f"{name} folder", True, str(folder))
    except OSError as e:
        mend_ = f"Make {there} a folder that this user can write, or name another in the configuration."
        return Check(f"{name} folder", False, f"cannot write to {there}: {e.strerror or e}", mend_)


def disk(folder: Path) -> Check:
    """Free space where the lake is."""
    free_gb = shutil.disk_usage(_nearest(folder)).free / _GB
    ok = free_gb >= MIN_FREE_GB
    mend_ = "" if ok else f"Free {MIN_FREE_GB:.0f} GB, or move the lake with --lake."
    return Check("disk", ok, f"{free_gb:.1f} GB free at {folder}", mend_)


def memory() -> Check:
    """Memory of the machine."""
    import psutil

    seen_gb = psutil.virtual_memory().total / _GB
    ok = seen_gb >= MIN_MEMORY_GB
    mend_ = "" if ok else "Use a machine with 8 GB, or lower spark.driver.memory in the configuration."
    return Check("memory", ok, f"{seen_gb:.1f} GB", mend_)


def _or_none(conf: Conf, attribute: str) -> str | None:
    try:
        return str(getattr(conf, attribute))
    except ConfigError:
        return None


def _nearest(folder: Path) -> Path:
    absolute = folder.absolute()
    return next(p for p in (absolute, *absolute.parents) if p.exists())


def _install_jdk(folder: Path) -> None:
    import jdk

    folder.mkdir(parents=True, exist_ok=True)
    try:
        jdk.install(str(JAVA_MAJOR), path=str(folder))
    except (jdk.JdkError, OSError) as e:
        raise EnvironmentProblem(f"cannot fetch a JDK {JAVA_MAJOR} into {folder}: {' '.join(str(e).split())}") from e
