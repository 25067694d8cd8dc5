"""Spark's settings per target, each with its reason: `python -m emr.settings` writes docs/spark-settings.md."""

from pathlib import Path

import yaml

from emr.request import step_settings
from lake.conf import Conf, load_conf
from lake.session import settings

FILE = Path(__file__).parent / "settings.yml"
PAGE = Path(__file__).parents[1] / "docs" / "spark-settings.md"
ENVIRONMENTS = ("dev", "staging", "production")
SECRETIVE = ("spark.driver.extraJavaOptions",)
"""Values that are long or name a folder of this machine: the page names the file that has them."""


def reasons() -> dict[str, str]:
    """Key, or beginning of keys with * after it -> why."""
    found: dict[str, str] = yaml.safe_load(FILE.read_text())
    return found


def reason_of(key: str, known: dict[str, str]) -> list[str]:
    """Keys of the reasons that a setting has; one, if all is well. A key by itself goes before a beginning."""
    return [key] if key in known else [x for x in known if x.endswith("*") and key.startswith(x[:-1])]


def own_machine() -> dict[str, str]:
    """What a session on one machine sets, for a lake on S3."""
    return settings(load_conf("local"), s3=True)


def serverless(conf: Conf) -> dict[str, str]:
    """What a run on EMR Serverless has: the submission's, and the session's."""
    return settings(conf, s3=True) | (conf.emr.spark_submit if conf.emr else {})


def ec2(conf: Conf) -> dict[str, str]:
    """What a step on EC2 has."""
    return settings(conf, s3=True) | step_settings(conf.emr.spark_submit if conf.emr else {})


def of_starts() -> dict[str, str]:
    """What a start has over the others of its environment."""
    own = {f"{name} {role}": s for name in ENVIRONMENTS if (emr := load_conf(name).emr) for role, s in emr.of_starts.items()}
    keys = sorted({key for found in own.values() for key in found})
    return {key: ", ".join(f"{whose} {found[key]}" for whose, found in own.items() if key in found) for key in keys}


def targets() -> dict[str, dict[str, str]]:
    """Target -> settings, those of the environments joined where they differ."""
    confs = {name: load_conf(name) for name in ENVIRONMENTS}
    return {
        "own machine": own_machine(),
        "Serverless": _joined({name: serverless(conf) for name, conf in confs.items()}),
        "EC2 step": _joined({name: ec2(conf) for name, conf in confs.items()}),
        "a start's own": of_starts(),
    }


def _joined(by_environment: dict[str, dict[str, str]]) -> dict[str, str]:
    keys = sorted({key for found in by_environment.values() for key in found})
    joined = {}
    for key in keys:
        values = {env: x.get(key, "not set").replace(f"-{env}-", "-ENV-") for env, x in by_environment.items()}
        same = len(set(values.values())) == 1
        joined[key] = next(iter(values.values())) if same else ", ".join(f"{env} {value}" for env, value in values.items())
    return joined


def page() -> str:
    """docs/spark-settings.md."""
    known, by_target = reasons(), targets()
    lines = [
        "# Spark settings",
        "",
        "Generated from `emr/settings.yml`, `conf/*.yml`, `lake/session.py` and `lake/s3.py` by `python -m emr.settings`;",
        "a test compares.",
        "",
        "What is set on one machine, in a run on EMR Serverless (release emr-spark-8.1.0) and in a step on EC2, over the",
        "defaults of each; ENV is the environment. Sizes follow from measured throughputs (`telematics emr size`), the rest",
        "from the reasons given; no figure measured on EMR is in them yet. `emr.spark_submit` has what must be known before",
        "the driver starts, `spark` the rest; `emr.of_starts` goes over it in a Serverless run of a role, and",
        "`emr.ec2.spark_submit` on EC2.",
        "",
        f"| setting | {' | '.join(by_target)} | why |",
        f"|---|{'---|' * len(by_target)}---|",
    ]  # fmt: skip
    keys = {key for found in by_target.values() for key in found}
    for pattern, why in known.items():
        for key in sorted(x for x in keys if reason_of(x, known) == [pattern]):
            cells = ["see conf" if key in SECRETIVE and key in found else found.get(key, "") for found in by_target.values()]
            lines.append(f"| `{key}` | {' | '.join(cells)} | {why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
