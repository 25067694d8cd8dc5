"""The fake as a real server on loopback: requests to operations of botocore's models, and answers back."""

import datetime as dt
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from botocore.model import OperationModel

from tests.emr.fake import SERVICES, Cut, FakeEmr, Wrong, answer
from tests.servers import HOST


class Handler(BaseHTTPRequestHandler):
    """One request: to an operation of a model and back."""

    fake: FakeEmr
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if self.path == "/health":
                self._write(200, "OK", {})
                return
            service, operation, given = self._asked(body)
            self._write(200, json.dumps(answer(self.fake, service, operation, given), default=lambda x: x.timestamp()), {})
        except Cut:
            self.close_connection = True
        except Wrong as e:
            said = {"__type": e.code, "message": e.message}
            self._write(e.status, json.dumps(said), {"x-amzn-errortype": e.code})

    do_GET = do_POST = do_DELETE = _serve

    def _asked(self, body: bytes) -> tuple[str, OperationModel, dict[str, Any]]:
        if target := self.headers.get("X-Amz-Target"):
            return "emr", SERVICES["emr"].operation_model(target.split(".")[1]), json.loads(body)
        url = urlparse(self.path)
        for name in SERVICES["emr-serverless"].operation_names:
            operation = SERVICES["emr-serverless"].operation_model(name)
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.http["requestUri"])
            if self.command == operation.http["method"] and (found := re.fullmatch(pattern, url.path)):
                in_path = {k: unquote(v) for k, v in found.groupdict().items()}
                return "emr-serverless", operation, in_path | queried(operation, url.query) | json.loads(body or b"{}")
        raise Wrong("ResourceNotFoundException", f"{self.command} {self.path}", 404)

    def _write(self, status: int, text: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text.encode())), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


def queried(operation: OperationModel, query: str) -> dict[str, Any]:
    """Parameters from the query, as the model types them."""
    given: dict[str, Any] = {}
    for name, shape in operation.input_shape.members.items():
        if (values := parse_qs(query).get(shape.serialization.get("name", name))) is None:
            continue
        made = {"integer": int, "long": int, "timestamp": dt.datetime.fromisoformat}.get(shape.type_name, str)
        given[name] = made(values[0])
    return given


@contextmanager
def serving(fake: FakeEmr) -> Iterator[str]:
    """The address of the fake while the body runs."""
    server = ThreadingHTTPServer((HOST, 0), type("OfThisFake", (Handler,), {"fake": fake}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
