import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from jobs.ui import HOST, check_free
from lake.conf import load_conf
from lake.errors import EnvironmentProblem
from tests.conftest import ROOT

START_S = 600.0
"""MLflow makes its database on the first start, and tests may share two cores."""
END_S = 30.0


def free_pair() -> int:
    """A port with a free one after it."""
    for port in range(18_765, 19_765, 2):
        with socket.socket() as a, socket.socket() as b:
            if a.connect_ex((HOST, port)) and b.connect_ex((HOST, port + 1)):
                return port
    raise AssertionError("no free ports")


def answer(url: str, deadline: float) -> str:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match=f"port {port} on {HOST} is in use"):
            check_free(port)


def test_it_serves_reports_and_mlflow_and_ends(tmp_path: Path) -> None:
    conf = load_conf("local", lake=str(tmp_path))
    conf.reports_path.mkdir(parents=True)
    (conf.reports_path / "index.html").write_text("the nights")
    port = free_pair()
    code = (
        f"from jobs.ui import serve; from lake.conf import load_conf; serve(load_conf('local', lake={str(tmp_path)!r}), {port})"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + START_S
        start = answer(f"http://{HOST}:{port}/", deadline)
        assert f'href="http://{HOST}:{port + 1}/"' in start
        assert answer(f"http://{HOST}:{port}/index.html", deadline) == "the nights"
        assert answer(f"http://{HOST}:{port + 1}/health", deadline) == "OK"
        child.send_signal(signal.SIGINT)
        assert child.wait(END_S) == 0
        assert child.stdout is not None
        assert f"http://{HOST}:{port + 1}/" in child.stdout.read().decode()
        for p in (port, port + 1):
            check_free(p)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait(END_S)
