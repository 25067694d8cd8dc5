"""An archive is unpacked elsewhere, and a real spark-submit runs a job from it, with no project and no PYTHONPATH about."""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyspark

from emr.archive import sha256_of
from emr.package import MACHINES, SITE, Manifest, foreign, run, this_arch, unwelcome
from lake.errors import EnvironmentProblem
from lake.jars import DELTA_JARS, Jar, ensure_jars
from lake.java import find_java

JOB = Path(__file__).parent / "environment" / "self_test_job.py"
PYTHON = "./environment/bin/python"
"""As the configuration names it (spark.executorEnv.PYSPARK_PYTHON)."""
PASSED_ON = ("HOME", "LANG", "TMPDIR", "TZ")


def unpack(archive: Path, folder: Path) -> Path:
    """Below `folder`/environment, as Spark does with `archive#environment`."""
    target = folder / "environment"
    target.mkdir(parents=True)
    # three times as fast as Python's own
    run(["tar", "-xzf", str(archive), "-C", str(target), "--no-same-owner"])
    return target


def spark_submit(folder: Path, script: Path, arguments: list[str], jars: tuple[Jar, ...] = DELTA_JARS, **variables: str) -> str:
    """Run `script` by Spark's own spark-submit in `folder`, where the archive is unpacked; returns what it prints.

    Nothing of this process's environment goes with it but HOME and the like; Spark comes from the installed pyspark, as it
    comes from EMR there. Raises EnvironmentProblem with the last words.
    """
    home, java = Path(pyspark.__file__).parent, Path(find_java()).resolve()
    paths = [str(x) for x in ensure_jars(Path("~/.cache/insurityai-telematics/jars").expanduser(), jars)]
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {
        "PATH": f"{java.parent}:/usr/bin:/bin",
        "JAVA_HOME": str(java.parents[1]),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_DRIVER_PYTHON": PYTHON,
        "PYSPARK_PYTHON": PYTHON,
        # a worker has Python 3.11 where AWS puts it; a machine of one's own may have it anywhere
        "TELEMATICS_PYTHON": own_python(),
        **variables,
    }
    settings = {
        "spark.driver.extraClassPath": os.pathsep.join(paths),
        # Delta's Python is in its jar, as on EMR
        "spark.submit.pyFiles": paths[0],
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "2",
    }
    given = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
    return run([str(home / "bin" / "spark-submit"), "--master", "local[2]", *given, str(script), *arguments], cwd=folder, env=env)


def own_python() -> str:
    """The interpreter below this process's virtual environment."""
    return str(getattr(sys, "_base_executable", sys.executable))


def self_test(manifest: Manifest, out: Path) -> Manifest:
    """Test the archive and note it in the manifest. Raises EnvironmentProblem where it does not work."""
    archive = out / manifest.archive
    if sha256_of(archive) != manifest.sha256:
        raise EnvironmentProblem(f"{archive} is not what its manifest says: package it anew")
    with TemporaryDirectory(prefix="telematics-self-test-") as work:
        root = unpack(archive, Path(work))
        if wrong := foreign(root / SITE, manifest.arch) + unwelcome(root / SITE):
            raise EnvironmentProblem(f"{manifest.archive}: {'; '.join(wrong[:5])}")
        found = run_job(Path(work)) if manifest.arch == this_arch() else {"ran": False, "elf": MACHINES[manifest.arch].elf}
    tested = replace(manifest, self_test={"sha256": manifest.sha256, **found})
    tested.write(out)
    return tested


def run_job(folder: Path) -> dict[str, Any]:
    """Run the self-test's job; returns what it found. Raises EnvironmentProblem where that is no environment of ours."""
    script = Path(shutil.copy(JOB, folder / "self_test_job.py"))
    printed = spark_submit(folder, script, [])
    try:
        found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    except (IndexError, ValueError) as e:
        raise EnvironmentProblem(f"the self-test's job said nothing: {printed[-300:]}") from e
    if wrong := faults(found):
        raise EnvironmentProblem(f"the self-test found: {'; '.join(wrong)}")
    return {"ran": True, **found}


def faults(found: dict[str, Any]) -> list[str]:
    """What is wrong with what the self-test's job found."""
    judged = {
        f"{found.get('rows')} rows of 10 in the Delta table that it wrote": found.get("rows") != 10,
        "Python's prefix is not the archive": found.get("prefix_is_archive") is not True,
        f"packages that EMR brings or no worker needs: {found.get('forbidden')}": found.get("forbidden") != [],
        f"Delta's Python is of {found.get('delta_from')}, not of its jar": not str(found.get("delta_from")).endswith(".jar"),
    }
    return [why for why, is_so in judged.items() if is_so]


def passed(manifest: Manifest) -> bool:
    """Whether this very archive was tested."""
    return manifest.self_test is not None and manifest.self_test.get("sha256") == manifest.sha256


def read_manifest(path: Path) -> Manifest:
    """A manifest from its file. Raises EnvironmentProblem where it is none."""
    try:
        return Manifest(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as e:
        raise EnvironmentProblem(f"{path} is no manifest of an archive: {e}") from e
