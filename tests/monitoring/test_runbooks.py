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
OPERATIONS = (
    "first-deployment", "failed-night", "backfill", "restore", "rotating-keys", "upgrading-emr", "monthly-bill",
)  # fmt: skip
"""What no alert leads to: people do."""
BEFORE_A_COMMAND = ("--conf", "--lake")
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
    return re.findall(r"telematics (?:--(?:conf|lake) \S+ )*[a-z][^`\n]*", (FOLDER / f"{name}.md").read_text())


def parts(line: str) -> list[list[str]]:
    """The words of a command without the options before its name, and of the one that it runs on the cluster."""
    words = re.split(r"[#|)]|\s->\s|, then", line)[0].split()[1:]
    while words and words[0] in BEFORE_A_COMMAND:
        words = words[2:]
    if "--" not in words:
        return [words]
    at = words.index("--")
    return [words[:at], words[at + 1 :]]


@pytest.mark.parametrize("name", (*ALERTS, *OPERATIONS, "../release", "../emr-package"))
def test_commands_and_their_options_exist(name: str) -> None:
    found = [(line, words) for line in commands(name) for words in parts(line)]
    assert found
    for line, words in found:
        group: typer.main.Group = typer.main.get_command(app)
        used = 0
        while used < len(words) and hasattr(group, "commands") and words[used] in group.commands:
            group, used = group.commands[words[used]], used + 1
        assert used, line
        # a group alone is named in a sentence
        assert not hasattr(group, "commands") or used == len(words), line
        options = {o for p in group.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
        assert {w for w in words if w.startswith("--")} <= options, line


@pytest.mark.parametrize("name", (*ALERTS, *OPERATIONS))
def test_tables_and_columns_exist(name: str) -> None:
    for line in commands(name):
        if (shown := re.match(r"telematics show (\S+)", line)) is None:
            continue
        names = set(TABLES[shown[1]].names)
        columns = re.search(r"--columns (\S+)", line)
        assert columns is None or set(columns[1].split(",")) <= names, line
        conditions = re.search(r'--where "([^"]*)"', line)
        assert conditions is None or set(re.findall(r"\b([a-z_]+)\b(?= =| AND|$)", conditions[1])) - {"AND"} <= names, line


def test_the_list_of_runbooks_is_that_of_the_folder() -> None:
    assert {p.stem for p in FOLDER.glob("*.md")} == {*ALERTS, *OPERATIONS}


@pytest.mark.parametrize("name", (*ALERTS, *OPERATIONS, "../release"))
def test_links_lead_somewhere(name: str) -> None:
    page = FOLDER / f"{name}.md"
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        leads_to = page if not file else (page.parent / file).resolve()
        assert leads_to.is_file(), target
        assert not anchor or anchor in anchors(leads_to), target


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_runbook_says_who_and_what_else_it_names_exists(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text()
    assert re.search(r"^Owner: \w+", text, re.MULTILINE)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"^ {4,}.*|`[^`]*`", text, re.MULTILINE)))) <= targets
    for path in re.findall(r"`((?:tests|emr|lake|conf|requirements)[/.][\w./-]*\w)`", text):
        there = path if "*" not in path else path.split("*")[0]
        # tfvars of each environment are there; an output is not a file
        assert (ROOT / there).exists() or there.startswith("emr."), path


def test_section_names_that_are_quoted_exist() -> None:
    for name in OPERATIONS:
        for file, section in re.findall(
            r"\]\(\.\./([\w-]+\.md)\), (?:section )?\"([^\"]+)\"", (FOLDER / f"{name}.md").read_text()
        ):
            headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / file).read_text(), re.MULTILINE)
            assert section in headings, f"{name}: {file} has no {section}"
