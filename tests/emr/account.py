"""Terraform at work on emr/terraform, and what its tests planned and made. Nothing reaches AWS, nothing is downloaded."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from emr.request import spark_submit_parameters
from lake.conf import Conf
from lake.conf_emr import Emr, RoleName
from tests.conftest import ROOT

FOLDER = ROOT / "emr" / "terraform"
PROVIDER = "registry.terraform.io/hashicorp/aws"
_EXPRESSION = re.compile(r"\{% (.*) %\}")


def mirror() -> Path | None:
    """A folder of installed providers that has AWS's: TERRAFORM_PLUGIN_DIR, or else the usual ones."""
    home, named = Path.home(), os.environ.get("TERRAFORM_PLUGIN_DIR")
    data = [os.environ.get("XDG_DATA_HOME") or str(home / ".local/share"), "/usr/local/share", "/usr/share"]
    packaged = [Path("/opt/terraform/plugins"), Path("/opt/terraform-plugins"), Path("/opt/tf-plugins")]
    usual = [home / ".terraform.d/plugins", *(Path(d, "terraform/plugins") for d in data), *packaged]
    places = [Path(named)] if named else usual
    return next((p for p in places if _has_provider(p / PROVIDER)), None)


def _has_provider(folder: Path) -> bool:
    """Unpacked, or as `terraform providers mirror` packs it."""
    return any(folder.glob("*/*")) or any(folder.glob("terraform-provider-*.zip"))


@dataclass(frozen=True)
class Terraform:
    """The binary, at work in a copy of the tree: it writes where it works."""

    binary: str
    tree: Path

    def run(self, *arguments: str, folder: str = "") -> subprocess.CompletedProcess[str]:
        # a user's own settings (credentials, mirrors, colours) have no say in a test
        own = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "AWS_"))}
        environment = {**own, "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        return subprocess.run(
            [self.binary, *arguments], cwd=self.tree / folder, env=environment, capture_output=True, text=True, check=False
        )


def done(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, f"{' '.join(result.args)}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@dataclass(frozen=True)
class Made:
    """What Terraform's tests planned and made for one environment."""

    environment: str
    conf: Conf
    planned: list[dict[str, Any]]
    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]


def below(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from below(child)


def evaluated(value: Any, variables: dict[str, str]) -> Any:
    """A request as Step Functions sends it: expressions joined, and keys written as the API writes them."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: evaluated(v, variables) for key, v in value.items()}
    if isinstance(value, list):
        return [evaluated(v, variables) for v in value]
    if not isinstance(value, str) or not (found := _EXPRESSION.fullmatch(value)):
        return value
    parts = found[1].split(" & ")
    return "".join(variables[p[1:]] if p.startswith("$") else p.strip("'") for p in parts)


def template(name: str, role: RoleName, conf_name: str, emr: Emr) -> Any:
    """A request of emr/terraform/requests with the values of a configuration."""
    values = {
        "application_id": emr.application_id, "execution_role_arn": getattr(emr.execution_role_arns, role),
        "entry_point": emr.entry_point,
        "conf_name": conf_name, "log_uri": emr.log_uri, "timeout_minutes": emr.timeout_minutes,
        "spark_submit_parameters": spark_submit_parameters(emr.settings_of(role)),
    }  # fmt: skip
    text = (FOLDER / "requests" / f"{name}.json.tftpl").read_text()
    return json.loads(Template(text).safe_substitute({k: json.dumps(v) for k, v in values.items()}))


def following(state: dict[str, Any]) -> set[str]:
    """The states that a state of a machine may go to."""
    ways = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {w[key] for w in ways for key in ("Next", "Default") if key in w}


def after(states: dict[str, dict[str, Any]], first: str) -> set[str]:
    """The states that can come after one."""
    found: set[str] = set()
    todo = [first]
    while todo:
        new = following(states[todo.pop()]) - found
        found |= new
        todo += new
    return found


if __name__ == "__main__":
    # for .ci/run: nothing where there is none
    print(mirror() or "")
