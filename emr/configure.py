"""`telematics emr configure`: what Terraform made, written into conf/<environment>.yml, comments and order as they were."""

import difflib
import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from lake.conf import CONF_FOLDER, load_conf
from lake.errors import ConfigError, InputError

LOG_STORE = "spark.io.delta.storage.S3DynamoDBLogStore.ddb"
OUTPUTS: dict[tuple[str, ...], str] = {
    ("lake",): "lake",
    ("landing", "root"): "landing_root",
    ("mlflow_tracking_uri",): "tracking_uri",
    ("spark", f"{LOG_STORE}.tableName"): "lock_table",
    ("spark", f"{LOG_STORE}.region"): "region",
    ("alerts", "channels", "sns"): "alerts_topic",
    ("registry", "anchor"): "anchor",
    ("emr", "region"): "region",
    ("emr", "application_id"): "application_id",
    **{("emr", "execution_role_arns", start): f"role_arns.{start}" for start in ("night", "train", "maintain", "replay")},
    ("emr", "log_uri"): "log_uri",
    ("emr", "ec2", "cluster_id"): "cluster_id",
}
"""Key of the configuration -> output of emr/terraform; an output's member after a dot. Not what a deployment names,
emr.entry_point and spark.archives: the state has that of the last apply."""
MAY_BE_NULL = ("cluster_id",)


def configure(path: Path, outputs_text: str, *, is_dry_run: bool) -> list[str]:
    """Write the outputs into the file; returns the lines that change. Nothing is written unless the result is a configuration.

    Raises InputError where the text is not what `terraform output -json` prints, ConfigError where the result would be none.
    """
    return write(path, found(outputs_text), is_dry_run=is_dry_run)


def write(path: Path, values: dict[tuple[str, ...], str], *, is_dry_run: bool) -> list[str]:
    """Write values at their keys; returns the lines that change. Raises ConfigError where the result would be no configuration;
    nothing is written then."""
    before = path.read_text()
    after = before
    for key, value in values.items():
        after = with_value(after, key, value)
    new = path.with_suffix(".new.yml")
    new.write_text(after)
    try:
        load_conf(str(new))
        if not is_dry_run:
            os.replace(new, path)
    except ConfigError as e:
        raise ConfigError(f"with these values {path} would be no configuration: {str(e).split(': ', 1)[-1]}") from e
    finally:
        new.unlink(missing_ok=True)
    changed = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in changed if not line.startswith(("---", "+++", "@@"))]


def found(text: str) -> dict[tuple[str, ...], str]:
    """Key -> value, of `terraform output -json`. Raises InputError naming every output that is missing."""
    try:
        outputs = {name: x["value"] for name, x in json.loads(text).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise InputError(f"this is not what `terraform output -json` prints: {e}") from e
    values = {key: _member(outputs, name) for key, name in OUTPUTS.items()}
    missing = sorted({OUTPUTS[key] for key, x in values.items() if x is None and OUTPUTS[key] not in MAY_BE_NULL})
    if missing:
        raise InputError(f"outputs that are missing or null: {', '.join(missing)} (was everything applied?)")
    wrong = sorted({OUTPUTS[key] for key, x in values.items() if x is not None and not isinstance(x, str)})
    if wrong:
        raise InputError(f"outputs that are no text: {', '.join(wrong)}")
    return {key: x for key, x in values.items() if x is not None}


def _member(outputs: dict[str, Any], name: str) -> Any:
    output, _, member = name.partition(".")
    value = outputs.get(output)
    return value.get(member) if member and isinstance(value, dict) else (None if member else value)


def with_value(text: str, key: tuple[str, ...], value: str) -> str:
    """The YAML text with a value at a key of nested mappings in block style; what is not there is added at its mapping's end."""
    lines = text.splitlines()
    start, end = 0, len(lines)
    for depth, part in enumerate(key):
        indent = "  " * depth
        at = next((n for n in range(start, end) if re.match(rf"{indent}{re.escape(part)}:(\s|$)", lines[n])), None)
        if at is None:
            rest = [f"{'  ' * (depth + n)}{p}:" for n, p in enumerate(key[depth:])]
            rest[-1] += f" {_scalar(value)}"
            return "\n".join([*lines[:end], *rest, *lines[end:]]) + "\n"
        start, end = at + 1, _end(lines, at, end, depth)
    comment = re.search(r"\s+#.*$", lines[start - 1])
    lines[start - 1] = f"{'  ' * (len(key) - 1)}{key[-1]}: {_scalar(value)}{comment[0] if comment else ''}"
    return "\n".join(lines) + "\n"


def _end(lines: list[str], at: int, end: int, depth: int) -> int:
    """One past the last line of the mapping that line `at` begins."""
    deeper = re.compile(rf"\s{{{2 * depth + 1},}}\S")
    last = at
    for n in range(at + 1, end):
        if deeper.match(lines[n]):
            last = n
        elif lines[n].strip():
            break
    return last + 1


def _scalar(value: str) -> str:
    return yaml.safe_dump(value, width=10_000, default_style='"' if value.isalnum() else None).splitlines()[0]


def path_of(env: str) -> Path:
    """The file of an environment by its name or path. Raises ConfigError where there is none."""
    path = Path(env) if env.endswith((".yml", ".yaml")) else CONF_FOLDER / f"{env}.yml"
    if not path.is_file():
        raise ConfigError(f"there is no {path}: name an environment of {CONF_FOLDER}, or a file")
    return path
