"""The way of a new data engineer: the README's five commands, as it has them, in a copy of the checkout and a shell of its own.

The first is what made this environment; the second has a stand-in for Terraform, which has no account here.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emr.request import SERVERLESS, check
from tests.conftest import ROOT
from tests.emr.test_configure import ROLES, outputs

BESIDE = (".git", ".venv*", "var", ".terraform", "__pycache__", ".*_cache", "*.egg-info")


def lines() -> list[str]:
    told = (ROOT / "README.md").read_text().split("## On EMR")[1].split("\n\n    ")[1].split("\n\n")[0]
    return [x.split("  #")[0].strip() for x in told.splitlines()]


class Shell:
    """A checkout of its own, nobody's credentials, and Terraform's outputs as an account would give them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*BESIDE), symlinks=True)
        (folder / "outputs").write_text(outputs())
        terraform = folder / "bin" / "terraform"
        terraform.parent.mkdir()
        terraform.write_text(f'#!/bin/bash\n[ "$*" = "-chdir=emr/terraform output -json" ] && cat {folder}/outputs\n')
        terraform.chmod(0o755)
        known = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TELEMATICS_"))}
        path = os.pathsep.join([str(terraform.parent), str(Path(sys.executable).parent), known["PATH"]])
        nobody = {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
        self.variables = known | nobody | {"PATH": path, "PYTHONPATH": str(self.folder)}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.variables, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("engineer"))


def test_there_are_five_and_the_first_is_the_readmes_own() -> None:
    assert len(lines()) == 5
    assert lines()[0] == "make install && source .venv/bin/activate"
    assert lines()[-1].endswith("--dry-run")


def test_the_last_works_with_what_is_shipped(shell: Shell) -> None:
    said = shell.run(lines()[-1])
    assert said.returncode == 0, said.stderr
    check(json.loads(said.stdout), SERVERLESS, "StartJobRun")


def test_from_terraforms_outputs_to_the_request(shell: Shell) -> None:
    _, terraform, configure, doctor, submit = lines()
    for line in (terraform, configure):
        said = shell.run(line)
        assert said.returncode == 0, f"{line}: {said.stderr}"
    assert "application_id" in said.stdout
    said = shell.run(doctor)
    # without an account it ends where it begins to ask, and says how that is mended
    assert said.returncode == 5 and "AWS_PROFILE" in said.stdout + said.stderr
    said = shell.run(submit)
    assert said.returncode == 0, said.stderr
    request = json.loads(said.stdout)
    check(request, SERVERLESS, "StartJobRun")
    assert (request["applicationId"], request["executionRoleArn"]) == ("00abc123", ROLES["night"])
    assert request["jobDriver"]["sparkSubmit"]["entryPointArguments"] == ["--conf", "dev", "nightly", "--date", "2026-01-15"]
