""".ci/plan_within.py: a release applies a plan of one part only where it changes nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.emr.account import Terraform, done


@pytest.mark.parametrize(
    ("address", "actions", "code"),
    [
        ('module.orchestration.aws_sfn_state_machine.start["night"]', ["delete", "create"], 0),
        ("module.serverless.aws_emrserverless_application.this", ["no-op"], 0),
        ("data.aws_caller_identity.this", ["read"], 0),
        ("module.serverless.aws_emrserverless_application.this", ["update"], 1),
        ('module.orchestration.aws_iam_role_policy.machine["night"]', ["update"], 1),
        ("module.orchestration_of_another.aws_iam_role.machine", ["create"], 1),
        ('module.keys.aws_kms_key.this["audit"]', ["forget"], 1),
    ],
)
def test_a_plan_stays_within_its_part(tmp_path: Path, address: str, actions: list[str], code: int) -> None:
    here = {"address": "module.orchestration.aws_sfn_state_machine.watch", "change": {"actions": ["update"]}}
    there = {"address": address, "change": {"actions": actions}}
    found = looked_at(tmp_path, {"errored": False, "resource_changes": [here, there]})
    assert found.returncode == code
    assert (f"{'/'.join(actions)}: {address}" in found.stderr) == bool(code) and "watch" not in found.stderr


def test_a_plan_with_errors_is_not_applied(tmp_path: Path) -> None:
    assert looked_at(tmp_path, {"errored": True}).returncode == 1
    assert looked_at(tmp_path, {"resource_changes": []}).returncode == 0


_ROOT = """
resource "terraform_data" "base" { input = "BASE" }
module "orchestration" {
  source = "./orchestration"
  it     = terraform_data.base.output
}
"""
_MODULE = """
variable "it" {}
resource "terraform_data" "this" { input = [var.it, "AGAIN"] }
"""


def test_terraforms_own_plans_are_read(tmp_path: Path) -> None:
    """With a resource that needs no provider: the target alone, and then what it depends on as well."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: no plan is read")
    there = Terraform("terraform", tmp_path)
    (tmp_path / "orchestration").mkdir()

    def planned(base: str, again: str) -> int:
        (tmp_path / "main.tf").write_text(_ROOT.replace("BASE", base))
        (tmp_path / "orchestration/main.tf").write_text(_MODULE.replace("AGAIN", again))
        done(there.run("init", "-input=false"))
        done(there.run("plan", "-input=false", "-target=module.orchestration", "-out=plan"))
        return looked_at(tmp_path, json.loads(done(there.run("show", "-json", "plan"))), "module.orchestration").returncode

    assert planned("a", "old") == 1
    done(there.run("apply", "-input=false", "plan"))
    assert planned("a", "new") == 0
    assert planned("b", "new") == 1


def looked_at(
    folder: Path, plan: dict[str, Any], part: str = "module.orchestration.aws_sfn_state_machine"
) -> subprocess.CompletedProcess[str]:
    (folder / "plan.json").write_text(json.dumps(plan))
    command = [sys.executable, str(ROOT / ".ci/plan_within.py"), part, str(folder / "plan.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False)
