"""Commands of the registry for others: an examiner, and another environment's registry."""

import json
from pathlib import Path
from typing import Annotated

import typer

from jobs.commands_registry import As
from jobs.state import state


def register(registry: typer.Typer) -> None:
    """Add the commands to those of the registry."""
    registry.command("inventory")(inventory)
    registry.command("export")(export)
    registry.command("import")(import_version)


def inventory(context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False) -> None:
    """Every model with its use, owner, state and next review."""
    from registry.exam import inventory as run

    lines = run(state(context).conf)
    if as_json:
        print(json.dumps(lines, indent=1))
        return
    for line in lines:
        print("\n".join(f"{k:>12}  {v}" for k, v in line.items()) + "\n")


def export(
    context: typer.Context, version: Annotated[str, typer.Argument(help="version")],
    model: Annotated[str | None, typer.Option(help="registered model; without it, the only one there is")] = None,
    out: Annotated[Path, typer.Option(help="folder")] = Path(),
) -> None:  # fmt: skip
    """Write a version's exam pack: ten artefacts, model, history with its proof; it is read without network."""
    from registry.exam import export as run
    from registry.versions import choose

    conf = state(context).conf
    print(run(conf, choose(conf, model, version), out))


def import_version(
    context: typer.Context, pack: Annotated[str, typer.Argument(help="exam pack of another registry, a file or s3:// address")],
    by: As = None,
) -> None:  # fmt: skip
    """Register the version of an exam pack as a candidate here; to be approved by somebody else, and promoted."""
    from registry.actors import actor
    from registry.importing import import_pack

    conf = state(context).conf
    print(import_pack(conf, pack, actor(conf, by)).describe())
