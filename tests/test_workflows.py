"""Workflows of .github: their grammar, that what they run is there, that nothing in them moves or may do more than it needs."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from jobs.cli import app
from tests.conftest import ROOT
from tests.servers import Server, ensure

FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, *sorted((FOLDER / "actions").glob("*/action.yml"))]
ACTIONLINT = Server("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.7", "actionlint")
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
_MAY_WRITE = {"id-token"}
"""OIDC. Nothing here writes to the repository, its packages or its settings."""


def read(path: Path) -> dict[str, Any]:
    # `on` is a boolean in YAML 1.1
    found: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)
    return found


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return read(path).get("jobs", {})


def steps(path: Path) -> Iterator[dict[str, Any]]:
    whole = read(path)
    for part in [*whole.get("jobs", {}).values(), whole.get("runs", {})]:
        yield from part.get("steps", [])


def scripts(path: Path) -> list[str]:
    return [s["run"] for s in steps(path) if "run" in s]


@pytest.fixture(params=FILES, ids=lambda p: str(p.relative_to(FOLDER)))
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_there_are_workflows() -> None:
    assert [p.name for p in WORKFLOWS] == ["ci.yml", "release.yml"]


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    binary = ensure(ACTIONLINT)
    # shellcheck and pyflakes would be used where they happen to be
    lint = [str(binary), "-shellcheck=", "-pyflakes="]
    done = subprocess.run([*lint, *map(str, WORKFLOWS)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:", 1))
    assert subprocess.run([*lint, str(broken)], capture_output=True, check=False).returncode == 1


def test_actions_are_pinned_by_commit_with_their_version_beside(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text())
    for action, beside in used:
        if action.startswith("./"):
            there = ROOT / action
            assert there.is_file() or (there / "action.yml").is_file(), action
        else:
            assert _PINNED.fullmatch(action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", beside), f"{action}{beside}"


def test_an_action_has_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in FILES:
        for name, pin in re.findall(r"uses: ([\w./-]+)@(.*)", path.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_permissions_are_stated_and_least(path: Path) -> None:
    whole = read(path)
    # BaseLoader: an empty flow mapping is a mapping
    assert whole["permissions"] == {}, "nothing by default, each job says what it needs"
    for name, job in whole["jobs"].items():
        given = job["permissions"]
        assert given, name
        assert {k for k, v in given.items() if v == "write"} <= _MAY_WRITE, name
        assert ("id-token" in given) == bool(re.search("cosign|tried-package|configure-aws", json.dumps(job))), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_needs_are_jobs_and_go_one_way(path: Path) -> None:
    needs = {n: [j["needs"]] if isinstance(j.get("needs"), str) else j.get("needs", []) for n, j in jobs(path).items()}
    done: set[str] = set()
    while len(done) < len(needs):
        ready = {n for n, before in needs.items() if n not in done and set(before) <= done}
        assert ready, f"of {set(needs) - done} each waits for another: {needs}"
        done |= ready


def test_production_is_behind_every_check() -> None:
    needs = {n: j.get("needs", []) for n, j in jobs(FOLDER / "workflows/release.yml").items()}
    assert needs == {
        "checks": [], "package": "checks", "image": "package", "staging": "package", "production": "staging",
    }  # fmt: skip
    production = jobs(FOLDER / "workflows/release.yml")["production"]
    assert production["environment"] == "production"
    script = "\n".join(s.get("run", "") for s in production["steps"])
    upload, check, point = (script.index(x) for x in ("--no-point", "release check", "--to "))
    assert upload < check < point < script.index("terraform -chdir=emr/terraform apply")
    # a step that fails ends the job: none goes on regardless
    assert not [s for s in production["steps"] if "continue-on-error" in s or "if" in s]


def test_an_image_that_nothing_runs_stops_no_release() -> None:
    found = jobs(FOLDER / "workflows/release.yml")
    assert not [name for name, job in found.items() if "image" in job.get("needs", [])]
    # a condition of a job sees variables of the repository only, and an empty name where there is none
    assert found["image"]["if"] == "vars.IMAGE_REPOSITORY != ''"


def test_staging_runs_every_job_of_the_new_code() -> None:
    """A night that is published runs nothing without --rerun, and ends well."""
    staging = jobs(FOLDER / "workflows/release.yml")["staging"]
    script = "\n".join(s.get("run", "") for s in staging["steps"])
    runs = re.findall(r"telematics emr run .* -- (.*)", script)
    assert runs[-1] == 'nightly --date "$NIGHT" --rerun'
    # the comparison is with what the release before published
    assert runs.index('release check --date "$NIGHT"') < len(runs) - 1
    assert script.index("--rerun") < script.index("--to ")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_job_has_time_and_credentials_for_all_its_runs(environment: str) -> None:
    """GitHub ends a job at its limit, and AWS what it got by its identity: neither waits for a run on EMR."""
    job = jobs(FOLDER / "workflows/release.yml")[environment]
    minutes = int(job["timeout-minutes"])
    runs = [int(x) for s in job["steps"] for x in re.findall(r"--minutes (\d+)", s.get("run", ""))]
    assert runs and sum(runs) + 60 <= minutes
    action = read(FOLDER / "actions/tried-package/action.yml")["runs"]["steps"]
    (login,) = [s["with"] for s in action if "configure-aws" in s.get("uses", "")]
    assert minutes * 60 <= int(login["role-duration-seconds"]) == 6 * 3600
    assert "max_session_duration = 6 * 3600" in (ROOT / "emr/terraform/modules/pipeline/main.tf").read_text()


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_applied_is_the_plan_that_was_looked_at(environment: str) -> None:
    text = "\n".join(s.get("run", "") for s in jobs(FOLDER / "workflows/release.yml")[environment]["steps"])
    script = re.findall(r"(?:terraform -chdir=\S+ (?:plan|show|apply)|\S+ \.ci/plan_within\.py).*", text)
    plan, shown, looked, applied = script
    # the role of a release reads nothing else than it changes
    assert " plan -input=false -refresh=false " in plan and plan.endswith('-out="$RUNNER_TEMP/plan"')
    assert ' show -json "$RUNNER_TEMP/plan" >' in shown
    assert looked.endswith('.ci/plan_within.py module.orchestration.aws_sfn_state_machine "$RUNNER_TEMP/plan.json"')
    assert applied.endswith('apply -input=false "$RUNNER_TEMP/plan"')
    # without it a command that fails before a pipe is passed over
    assert read(FOLDER / "workflows/release.yml")["defaults"]["run"]["shell"] == "bash"


def test_no_key_that_lives_long(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"aws-access-key-id|AWS_SECRET|aws_secret|COSIGN_PASSWORD|cosign.*--key", text)
    named = set(re.findall(r"secrets\.(\w+)", text))
    assert named <= {"OIDC_CLIENT_SECRET", "PAGERDUTY_ENDPOINT"}, "only what Terraform hands on to others"


def test_scripts_are_bash_and_take_nothing_from_expressions(file: Path) -> None:
    for script in scripts(file):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stderr}"
        # text of others (a branch's name) in a script would be run: it comes by variables
        assert "${{" not in script, script


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    command: list[str] = []
    for word in lexer:
        if set(word) <= set("|&;"):
            yield command
            command = []
        else:
            command.append(word)
    yield command


def words() -> Iterator[list[str]]:
    for path in FILES:
        for script in scripts(path):
            for line in re.sub(r"\\\n\s*", " ", script).splitlines():
                yield from commands_of(line)


def test_make_targets_and_files_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = [t for line in words() if line[:1] == ["make"] for t in line[1:]]
    assert made and set(made) <= targets
    there = [w for line in words() for w in line if re.match(r"(\.ci|tests|emr|conf|requirements)[/.]", w)]
    assert len(there) > 10
    # *.backend is written by the step itself, from a variable
    assert [w for w in there if not (ROOT / w).exists() and not w.endswith(".backend")] == []
    assert os.access(ROOT / ".ci/run", os.X_OK)


def commands() -> list[list[str]]:
    return [line[1:] for line in words() if line and line[0].endswith("bin/telematics")]


def test_commands_and_their_options_exist() -> None:
    found = [part for line in commands() for part in _parts(line)]
    assert ["release", "check"] in [x[:2] for x in found]
    for line in found:
        group: Any = typer.main.get_command(app)
        used = 0
        while used < len(line) and hasattr(group, "commands") and line[used] in group.commands:
            group, used = group.commands[line[used]], used + 1
        assert used and not hasattr(group, "commands"), line
        known = {o for p in group.params for o in (*p.opts, *p.secondary_opts)}
        assert {w for w in line if w.startswith("--")} <= known, line


def _parts(line: list[str]) -> list[list[str]]:
    """A command, and the one that it runs on the cluster."""
    if "--" not in line:
        return [line]
    at = line.index("--")
    return [line[:at], line[at + 1 :]]


def test_test_files_that_are_named_exist_and_terraforms_parts_too() -> None:
    text = (FOLDER / "workflows/release.yml").read_text()
    for module in re.findall(r"-target=module\.(\w+)", text):
        assert (ROOT / "emr/terraform/modules" / module).is_dir()
    for environment in ("staging", "production"):
        assert (ROOT / f"emr/terraform/envs/{environment}.tfvars").is_file()
