"""Libraries that report usage to their makers are quiet: nothing we start asks for the outside."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lake.quiet import SETTINGS
from tests.conftest import ROOT

# A process that imports this first writes each address it asks for outside the machine, and is refused, as one without a route.
RECORDER = """
import json, os, socket

LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}


def _refuse(kind, host):
    if isinstance(host, bytes):
        host = host.decode()
    if host is not None and host not in LOCAL:
        with open(os.environ["OUTSIDE"], "a") as out:
            out.write(json.dumps([kind, host]) + chr(10))
        raise OSError(101, "Network is unreachable")


_connect, _connect_ex, _lookup = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def connect(self, address):
    if self.family != socket.AF_UNIX:
        _refuse("connect", address[0])
    return _connect(self, address)


def connect_ex(self, address):
    if self.family != socket.AF_UNIX:
        _refuse("connect", address[0])
    return _connect_ex(self, address)


def getaddrinfo(host, *arguments, **named):
    _refuse("lookup", host)
    return _lookup(host, *arguments, **named)


socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo = connect, connect_ex, getaddrinfo
"""

MLFLOW = """
import sys
from pathlib import Path

folder = Path(sys.argv[1])

import mlflow

mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
mlflow.create_experiment("quiet", artifact_location=str(folder / "artifacts"))
mlflow.set_experiment("quiet")
with mlflow.start_run():
    mlflow.log_param("a", 1)
"""

WORK = (
    """
import lake  # sets the switches, before any of the libraries is there
"""
    + MLFLOW
    + """
import pandas as pd

frame = pd.DataFrame({"km": [float(i % 17) for i in range(200)]})

import great_expectations as gx

context = gx.get_context(mode="ephemeral")
batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
found = batch.get_batch({"dataframe": frame}).validate(gx.expectations.ExpectColumnValuesToNotBeNull(column="km"))
assert found.success

from evidently import Dataset, Report
from evidently.presets import DataDriftPreset

Report([DataDriftPreset()]).run(frame, frame).dict()
"""
)

ASK_OUTSIDE = "import socket; socket.create_connection(('203.0.113.7', 443), timeout=1)"


def outside_of(tmp_path: Path, arguments: list[str]) -> tuple[int, str, list[list[str]]]:
    """Exit code, standard error and the outside addresses that a Python process asked for."""
    (tmp_path / "sitecustomize.py").write_text(RECORDER)
    asked = tmp_path / "outside.jsonl"
    clean = {k: v for k, v in os.environ.items() if k not in SETTINGS and not k.startswith(("CI", "PYTEST", "GITHUB", "GITLAB"))}
    env = {**clean, "PYTHONPATH": f"{tmp_path}:{ROOT}", "OUTSIDE": str(asked), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    lines = asked.read_text().splitlines() if asked.exists() else []
    return done.returncode, done.stderr, [json.loads(line) for line in lines]


def test_importing_lake_sets_every_switch_and_keeps_what_the_user_set(tmp_path: Path) -> None:
    show = "import json, os, lake; from lake.quiet import SETTINGS as s; print(json.dumps({k: os.environ[k] for k in s}))"
    clean = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == SETTINGS
    chosen = {**clean, "GX_ANALYTICS_ENABLED": "true"}
    done = subprocess.run([sys.executable, "-c", show], cwd=ROOT, env=chosen, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["GX_ANALYTICS_ENABLED"] == "true"


def test_the_recorder_records(tmp_path: Path) -> None:
    code, error, asked = outside_of(tmp_path, ["-c", ASK_OUTSIDE])
    assert code == 1
    assert "unreachable" in error
    assert asked[0][1] == "203.0.113.7"


def test_without_the_switches_a_report_would_be_seen(tmp_path: Path) -> None:
    code, error, asked = outside_of(tmp_path, ["-c", MLFLOW, str(tmp_path)])
    assert code == 0, error[-3000:]
    assert asked != []


@pytest.mark.slow
def test_mlflow_great_expectations_and_evidently_ask_nobody(tmp_path: Path) -> None:
    code, error, asked = outside_of(tmp_path, ["-c", WORK, str(tmp_path)])
    assert code == 0, error[-3000:]
    assert asked == []
