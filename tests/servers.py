"""Real servers for the tests, on loopback: versitygw, an S3 server, and toxiproxy before it, which puts faults into the network.

Go builds both once from pinned versions into the project's cache; `python -m tests.servers` does only that.
"""

import contextlib
import fcntl
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

CACHE = Path("~/.cache/insurityai-telematics/bin").expanduser()
HOST = "127.0.0.1"
START_S, STOP_S = 20.0, 5.0
ACCESS_KEY, SECRET_KEY, REGION = "TELEMATICSTESTKEY", "s3cr3t/of+the+tests/0123456789", "us-east-1"
"""Odd on purpose: a search for the secret in what the platform writes must find it if it is there."""


@dataclass(frozen=True)
class Server:
    """A Go program: `package` is its main package, `built` the name that Go gives the binary."""

    name: str
    package: str
    version: str
    built: str

    @property
    def binary(self) -> Path:
        return CACHE / f"{self.name}-{self.version}"


VERSITYGW = Server("versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0", "versitygw")
TOXIPROXY = Server("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "v2.5.0", "server")


def ensure(server: Server) -> Path:
    """The server's binary, built if it is not there; two processes at once are safe. Skips the test where there is no Go,
    and fails it in CI."""
    if server.binary.is_file():
        return server.binary
    if shutil.which("go") is None:
        why = f"{server.name} {server.version} is not built, and there is no `go` (1.21 or later) to build it with"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not server.binary.is_file():
            _build(server)
    return server.binary


def _build(server: Server) -> None:
    with TemporaryDirectory(dir=CACHE) as work:
        # auto: a Go that is older than the module asks for fetches one that is not
        env = os.environ | {"GOBIN": work, "GOTOOLCHAIN": "auto", "GOFLAGS": "-buildvcs=false"}
        subprocess.run(["go", "install", f"{server.package}@{server.version}"], env=env, check=True, timeout=1200)
        (Path(work) / server.built).replace(server.binary)


def free_port() -> int:
    """A free port below the range that systems give to outgoing connections, so that it stays free until it is used."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


@contextlib.contextmanager
def running(command: list[str], healthy: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that answers at the address `healthy` before the body begins, and is gone after it."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        _wait(process, healthy, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], healthy: str, log: Path) -> None:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(healthy, timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{healthy} does not answer: {log.read_text()[-500:]}")


def aws_environment(port: int) -> dict[str, str]:
    """The standard variables of AWS's clients for the test server behind `port`; nobody's own account is ever reached."""
    return {
        "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@dataclass(frozen=True)
class S3:
    """The S3 server as the platform sees it, through toxiproxy; `direct` goes past the proxy and its faults."""

    endpoint: str
    direct: str
    proxy_api: str

    def client(self) -> Any:
        """A boto3 client that no fault reaches, for what a test prepares and looks at."""
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.direct, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=REGION
        )

    def new_bucket(self) -> str:
        """The name of a fresh bucket."""
        name = f"t-{uuid.uuid4().hex[:16]}"
        self.client().create_bucket(Bucket=name)
        return name


@contextlib.contextmanager
def s3_server(folder: Path, port: int) -> Iterator[S3]:
    """versitygw over `folder`, reached through toxiproxy on `port`."""
    gateway, proxy = ensure(VERSITYGW), ensure(TOXIPROXY)
    for name in ("data", "versions"):
        (folder / name).mkdir(parents=True)
    direct, api = free_port(), free_port()
    serve = [
        str(gateway), "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", f"{HOST}:{direct}", "--region", REGION,
        "--health", "/health", "--quiet", "posix", "--versioning-dir", str(folder / "versions"), str(folder / "data"),
    ]  # fmt: skip
    relay = [str(proxy), "-host", HOST, "-port", str(api)]
    with (
        running(serve, f"http://{HOST}:{direct}/health", folder / "versitygw.log"),
        running(relay, f"http://{HOST}:{api}/version", folder / "toxiproxy.log"),
    ):
        server = S3(f"http://{HOST}:{port}", f"http://{HOST}:{direct}", f"http://{HOST}:{api}")
        proxied = {"name": "s3", "listen": f"{HOST}:{port}", "upstream": f"{HOST}:{direct}"}
        call(server.proxy_api, "POST", "/proxies", proxied)
        yield server


def call(api: str, method: str, path: str, body: Any = None) -> Any:
    """One request to toxiproxy's own interface; returns what it answers."""
    import requests

    answer = requests.request(method, f"{api}{path}", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def main() -> int:
    """Build what is missing."""
    for server in (VERSITYGW, TOXIPROXY):
        print(ensure(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
