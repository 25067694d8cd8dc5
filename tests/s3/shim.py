"""A reverse proxy before the S3 server that answers, cuts or loses chosen requests; everything else passes unchanged.

The Host header is passed on as it came: the client's signature covers it.
"""

import contextlib
import http.client
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers import HOST, S3, call


@dataclass
class Fault:
    """What becomes of requests of a method whose path matches: the first `times` after `after`. `what` is an HTTP status with
    its S3 code ("503 SlowDown"), "lost": the server does it and its answer is lost, or "cut": half of the answer's body."""

    method: str
    path: str
    what: str
    times: int = 10**9
    after: int = 0
    seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, method: str, path: str) -> bool:
        if not re.fullmatch(self.method, method) or not re.search(self.path, path):
            return False
        with self._lock:
            self.seen += 1
            return self.after < self.seen <= self.after + self.times


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: list[Fault]
    upstream: tuple[str, int]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = next((f for f in self.faults if f.strikes(self.command, self.path)), None)
        if fault is not None and fault.what[0].isdigit():
            status, code = fault.what.split()
            xml = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
            self._answer(int(status), [("Content-Type", "application/xml")], xml)
            return
        found, headers, content = self._ask(body)
        if fault is not None and fault.what == "lost":
            self._hang_up()
        else:
            self._answer(found, headers, content, cut=fault is not None)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server behind says to the request as it came."""
        server = http.client.HTTPConnection(*self.upstream, timeout=60)
        with contextlib.closing(server):
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, cut: bool = False) -> None:
        self.send_response_only(status)
        named = {k.lower() for k, _ in headers}
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if "content-length" not in named and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass


@contextlib.contextmanager
def faults(s3: S3, *given: Fault) -> Iterator[None]:
    """Requests go through the shim in the body."""
    upstream = s3.direct.removeprefix("http://")
    host, port = upstream.split(":")
    handler = type("Handler", (_Handler,), {"faults": list(given), "upstream": (host, int(port))})
    server = ThreadingHTTPServer((HOST, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        call(s3.proxy_api, "POST", "/proxies/s3", {"upstream": f"{HOST}:{server.server_port}"})
        yield
    finally:
        call(s3.proxy_api, "POST", "/proxies/s3", {"upstream": upstream})
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def toxic(s3: S3, kind: str, stream: str = "downstream", **attributes: int) -> Iterator[None]:
    """A toxic of toxiproxy on every connection in the body."""
    call(s3.proxy_api, "POST", "/proxies/s3/toxics", {"name": kind, "type": kind, "stream": stream, "attributes": attributes})
    try:
        yield
    finally:
        call(s3.proxy_api, "DELETE", f"/proxies/s3/toxics/{kind}")
