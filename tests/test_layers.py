"""Imports point one way; import-linter holds it, and is shown to notice."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.conftest import ROOT

LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
TRANSFORMS_MAY_IMPORT = {
    "lake.clock", "lake.columns", "lake.errors", "lake.sources", "lake.driving", "lake.event_rules",
    "lake.feature", "lake.features", "lake.features_v1", "lake.features_v2", "lake.va", "lake.yaml_file",
}  # fmt: skip
TABLES = {"lake.table", "lake.tables", "lake.tables_bronze", "lake.tables_reference", "lake.tables_silver", "lake.tables_gold",
          "lake.tables_watch"}  # fmt: skip


def settings() -> dict[str, list[dict[str, list[str]]]]:
    found: dict[str, list[dict[str, list[str]]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return found


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(LINT, cwd=folder, capture_output=True, text=True, check=False)


def test_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "0 broken" in done.stdout


def test_contracts_notice_what_breaks_them(tmp_path: Path) -> None:
    for package in settings()["root_packages"]:
        shutil.copytree(ROOT / str(package), tmp_path / str(package), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "transforms" / "bad.py").write_text("import lake.delta\nimport training\n")
    (tmp_path / "simulator" / "bad.py").write_text("import transforms\n")
    (tmp_path / "monitoring" / "bad.py").write_text("import jobs.catalog\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    for line in (
        "transforms.bad -> training",
        "transforms.bad -> lake.delta",
        "simulator.bad -> transforms",
        "monitoring.bad -> jobs.catalog",
    ):
        assert line in done.stdout.replace("\n", " "), done.stdout


def test_transforms_are_kept_from_every_other_module_of_lake() -> None:
    modules = {f"lake.{p.stem}" for p in (ROOT / "lake").glob("*.py") if p.stem != "__init__"}
    (contract,) = (c for c in settings()["contracts"] if c.get("source_modules") == ["transforms"])
    assert set(contract["forbidden_modules"]) == modules - TRANSFORMS_MAY_IMPORT - TABLES
