"""`telematics ui`: the reports and MLflow's own interface on loopback, until Ctrl-C."""

import os
import signal
import socket
import subprocess  # nosec B404 # MLflow's own server, no shell
import sys
import threading
import webbrowser
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from expectations.gate import BY_HAND, DOCS, QualityGate
from lake.conf import Conf
from lake.errors import EnvironmentProblem
from lake.storage import fetch

HOST = "127.0.0.1"
STOP_S = 10.0
"""How long MLflow may take to end before it is killed."""
POLL_S = 0.5
_START = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Telematics</title>
<style>body{{font:17px/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style></head>
<body><h1>Telematics</h1><ul><li><a href="/index.html">Nights: prices, drift, data quality</a>{note}</li>
<li><a href="{mlflow}">Models and their evidence (MLflow)</a></li>{loads}</ul><p>Reports are in {folder}.</p></body></html>"""


class ReportsHandler(SimpleHTTPRequestHandler):
    """Files below the reports folder; `/` links to them and to MLflow."""

    def __init__(self, *args: Any, mlflow_url: str, **kwargs: Any) -> None:
        self.mlflow_url = mlflow_url
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        """The start page, or a file."""
        if self.path != "/":
            super().do_GET()
            return
        note = "" if (Path(self.directory) / "index.html").is_file() else " (none yet: run `telematics nightly`)"
        body = _START.format(
            mlflow=escape(self.mlflow_url), folder=escape(str(self.directory)), note=note, loads=self._loads()
        ).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _loads(self) -> str:
        page = f"{DOCS}/{BY_HAND}/site/index.html"
        there = (Path(self.directory) / page).is_file()
        return f'\n<li><a href="/{page}">Data docs of the last loads by hand</a></li>' if there else ""

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def serve(conf: Conf, port: int, open_browser: bool = False) -> None:
    """Serve the reports on `port` and MLflow on the next one until Ctrl-C or SIGTERM; both end with this process.

    Raises EnvironmentProblem where a port is taken or MLflow does not start.
    """
    for p in (port, port + 1):
        check_free(p)
    folder = conf.reports_path.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    fetch(conf.kept("_reports"), folder)
    build_docs(conf)
    reports_url, mlflow_url = (f"http://{HOST}:{p}/" for p in (port, port + 1))
    handler = partial(ReportsHandler, directory=str(folder), mlflow_url=mlflow_url)
    with ThreadingHTTPServer((HOST, port), handler) as server:
        mlflow = start_mlflow(conf, port + 1)
        try:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            print(f"reports  {reports_url}\nMLflow   {mlflow_url}\nCtrl-C ends both", flush=True)
            if open_browser:
                webbrowser.open(reports_url)
            _wait(mlflow)
        finally:
            server.shutdown()
            stop(mlflow)


def build_docs(conf: Conf) -> None:
    """Build the data docs that are not there, or older than a result: a load by hand leaves that to whoever looks."""
    docs = conf.reports_path / DOCS
    for folder in sorted(x.parent for x in docs.glob("*/validations")):
        newest = max((p.stat().st_mtime for p in (folder / "validations").rglob("*.json")), default=0.0)
        page = folder / "site" / "index.html"
        if newest and not (page.is_file() and page.stat().st_mtime >= newest):
            QualityGate(docs, folder.name).build_docs()


def check_free(port: int) -> None:
    """Raise EnvironmentProblem where something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as e:
            raise EnvironmentProblem(f"port {port} on {HOST} is in use: give another with --port") from e


def start_mlflow(conf: Conf, port: int) -> subprocess.Popen[bytes]:
    """MLflow's server over the configured store, in a process group of its own."""
    uri = conf.tracking_uri
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    # a password in it would be in every list of processes
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": uri}
    options = ["--host", HOST, "--port", str(port), "--workers", "1"]
    log = conf.logs_path / "mlflow-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(  # nosec B603 # as above
            [sys.executable, "-m", "mlflow", "server", *options],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End MLflow and its workers."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(mlflow: subprocess.Popen[bytes]) -> None:
    """Until Ctrl-C or SIGTERM. Raises EnvironmentProblem where MLflow ends by itself."""
    ended = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        while not ended.wait(POLL_S):
            if mlflow.poll() is not None:
                raise EnvironmentProblem(f"MLflow ended with code {mlflow.returncode}: see mlflow-server.log in the logs folder")
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
