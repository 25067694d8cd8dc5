"""Each rule's runbook is there, and what a runbook tells to type exists."""

import re
from pathlib import Path

import pytest
import typer

from jobs.cli import app
from lake.tables import TABLES
from monitoring.rules import load_rules
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "runbooks"
ALERTS = ("data", "scores", "drift", "model")
RULES = load_rules(ROOT / "conf" / "alerts.yaml").rules


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    return {
        re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    }


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_its_runbook(rule: str) -> None:
    file, _, anchor = RULES[rule].runbook.partition("#")
    assert (ROOT / file).is_file()
    assert not anchor or anchor in anchors(ROOT / file)


def test_every_section_is_some_rules() -> None:
    named = {RULES[r].runbook.partition("#")[2] for r in RULES} - {""}
    there = {a for name in ("data", "scores", "model") for a in anchors(FOLDER / f"{name}.md") if not a.startswith("runbook")}
    assert named == there


def commands(name: str) -> list[str]:
    return re.findall(r"telematics [a-z][^`\n]*", (FOLDER / f"{name}.md").read_text())


@pytest.mark.parametrize("name", ALERTS)
def test_commands_and_their_options_exist(name: str) -> None:
    found = commands(name)
    assert found
    for line in found:
        words = line.split("#")[0].split()[1:]
        words = words[2:] if words[0] == "--conf" else words
        group: typer.main.Group = typer.main.get_command(app)
        used = 0
        while used < len(words) and hasattr(group, "commands") and words[used] in group.commands:
            group, used = group.commands[words[used]], used + 1
        assert used and not hasattr(group, "commands"), line
        options = {o for p in group.params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= options, line


@pytest.mark.parametrize("name", ALERTS)
def test_tables_and_columns_exist(name: str) -> None:
    for line in commands(name):
        if (shown := re.match(r"telematics show (\S+)", line)) is None:
            continue
        names = set(TABLES[shown[1]].names)
        columns = re.search(r"--columns (\S+)", line)
        assert columns is None or set(columns[1].split(",")) <= names, line
        conditions = re.search(r'--where "([^"]*)"', line)
        assert conditions is None or set(re.findall(r"\b([a-z_]+)\b(?= =| AND|$)", conditions[1])) - {"AND"} <= names, line
