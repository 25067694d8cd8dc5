"""The ten artefacts that every registered version carries, and the digest that an approval names."""

import hashlib
from collections.abc import Mapping

CARD, DATA, REPRODUCIBILITY = "card.md", "data.json", "reproducibility.json"
PERFORMANCE, STABILITY, MONOTONICITY = "performance.json", "stability.json", "monotonicity.json"
FAIRNESS, REASONS, CHAMPION_DIFF, APPROVALS = "fairness.json", "reasons.json", "champion_diff.json", "approvals.json"
ARTEFACTS = {
    1: CARD, 2: DATA, 3: REPRODUCIBILITY, 4: PERFORMANCE, 5: STABILITY, 6: MONOTONICITY, 7: FAIRNESS, 8: REASONS,
    9: CHAMPION_DIFF, 10: APPROVALS,
}  # fmt: skip
"""By their number; below `evidence/` of a version's run."""
REPORT = "report.html"
NOT_ASSESSED = "not assessed"
NO_CHAMPION = "no champion"


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents in the order of names, with the length of each, so that nothing can move between them."""
    found = hashlib.sha256()
    for name, content in sorted(files.items()):
        found.update(f"{len(name)}:{name}:{len(content)}:".encode())
        found.update(content)
    return found.hexdigest()
