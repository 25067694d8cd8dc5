"""docs/faults.md names tests that exist."""

import re

from tests.conftest import ROOT

MUST_BE_SHOWN = {*(str(n) for n in range(1, 31)), "4b"}


def rows() -> dict[str, str]:
    """The last cell by number."""
    table = re.findall(r"^\| (\d+b?) \|.*\| ([^|]+) \|$", (ROOT / "docs" / "faults.md").read_text(), re.MULTILINE)
    return dict(table)


def there_are() -> set[str]:
    return {name for p in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"^def (test_\w+)", p.read_text(), re.M)}


def test_every_test_that_the_page_names_exists() -> None:
    named = {name for cell in rows().values() for name in re.findall(r"`(test_\w+)`", cell)}
    assert named - there_are() == set()


def test_every_row_names_a_test_after_itself() -> None:
    found = rows()
    assert found.keys() >= MUST_BE_SHOWN
    for number in MUST_BE_SHOWN:
        assert re.search(rf"`test_fault_{number.zfill(3 if number[-1] == 'b' else 2)}_\w+`", found[number]), number
