"""Whether a plan of Terraform stays within one part: `plan_within.py PART PLAN.json`, of `terraform show -json`. A part is a
module, or a type of resource in one.

-target plans what its target depends on as well, and a release is to change nothing but what starts it."""

import json
import sys
from pathlib import Path
from typing import Any

NOTHING = (["no-op"], ["read"])


def outside(plan: dict[str, Any], part: str) -> list[str]:
    """What the plan would do to resources that are not the part's, a line each."""
    changes = [(c["address"], c["change"]["actions"]) for c in plan.get("resource_changes", [])]
    return [f"{'/'.join(do)}: {a}" for a, do in changes if do not in NOTHING and not a.startswith(f"{part}.")]


def main(part: str, path: str) -> int:
    """0 where the plan stays within; 1, and what it would do elsewhere, where it does not."""
    plan = json.loads(Path(path).read_text())
    # `complete` says nothing here: it is false of every plan with a target
    if plan.get("errored"):
        print("not applied: the plan has errors", file=sys.stderr)
        return 1
    found = outside(plan, part)
    if found:
        print(
            f"not applied: the plan changes more than {part}. Look at it, and apply it by hand first:",
            *found,
            sep="\n  ",
            file=sys.stderr,
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
