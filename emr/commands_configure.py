"""`telematics emr configure`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from emr.configure import configure as write
from emr.configure import path_of
from emr.options import of_env
from emr.watching import said
from lake.errors import InputError


def configure(
    context: typer.Context,
    env: Annotated[str, typer.Option("--env", help="environment: its configuration is written")],
    source: Annotated[str, typer.Option("--from", help="a file with what `terraform output -json` prints; - is stdin")] = "-",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what would change, write nothing")] = False,
) -> None:
    """Fill the configuration of an environment from Terraform's outputs; prints the lines that change."""
    path = path_of(of_env(context, env).conf_name)
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
    except OSError as e:
        raise InputError(f"cannot read {source}: {e.strerror}") from e
    changed = write(path, text, is_dry_run=dry_run)
    print("\n".join(changed) if changed else f"{path} has it all already")
    if changed and not dry_run:
        said(f"written to {path}; is everything there? telematics doctor --env {env}")
