"""What bandit and checkov are told to leave alone is named and has a reason."""

import re
import subprocess

from tests.conftest import ROOT

_NOSEC = re.compile(r"#\s*nosec(.*)")
_EXPLAINED = re.compile(r" B\d{3}(, B\d{3})* # \S.{5,}")


def shipped() -> list[str]:
    found = re.search(r"^SHIPPED := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].split()


def test_exceptions_from_bandit_name_the_check_and_a_reason() -> None:
    said = [
        (path, line)
        for name in shipped()
        for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).rglob("*.py")))
        for line in _NOSEC.findall(path.read_text())
    ]
    assert len(said) > 10
    assert [x for x in said if not _EXPLAINED.fullmatch(x[1])] == []


def test_everything_that_is_shipped_is_scanned() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    scanned = set(shipped())
    # no git, no list: the archive of a release is looked at by the test above alone
    assert [x for x in tracked if x.split("/")[0] not in scanned | {"tests", "notebooks"}] == []


def test_tools_are_pinned_with_everything_it_needs() -> None:
    lock = (ROOT / ".ci/tools.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", lock.strip())
    assert len(entries) > 50
    assert all(any(x.startswith(f"{name}==") for x in entries) for name in ("checkov", "pip-audit"))
    assert [x for x in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", x)] == []
    assert "://" not in lock
