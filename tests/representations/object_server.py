"""A real S3 server on the loopback, and a relay before it that refuses and cuts requests."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY_ID, SECRET, TOKEN = "AKIAOFATESTALONE", "a-secret-of-a-test-alone", "a-token-of-a-test-alone"
HOPS = {"transfer-encoding", "connection", "content-length", "server", "date"}
RESET = b"\x01\0\0\0\0\0\0\0"  # what SO_LINGER takes for: close at once


@contextlib.contextmanager
def start_server() -> Iterator[int]:
    """Run moto's server in a process of its own, and give its port."""
    # Keys that it would hand on to a real service, if it had one to ask.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    assert process.stderr is not None
    teller = threading.Thread(target=process.stderr.read, daemon=True)  # it tells every request
    try:
        said = iter(process.stderr.readline, "")
        port = next(int(found[1]) for line in said if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        teller.start()
        yield port
    finally:
        process.kill()
        process.wait()
        if teller.ident is not None:
            teller.join()
        process.stderr.close()


class Relay(ThreadingHTTPServer):
    """Hands requests on, and does to some of them what `fault` says."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.fault: Callable[[int, str, str], str] = lambda _n, _method, _path: ""
        self.counted = 0
        self.sent = 0  # bytes of what was answered
        self.faulty: list[str] = []
        self.lock = threading.Lock()

    def judge(self, method: str, path: str) -> str:
        """Say what becomes of the next request: "" (handed on), reset, lost, cut, forgetful, or a status."""
        with self.lock:
            self.counted += 1
            fault = self.fault(self.counted, method, path)
            if fault:
                self.faulty.append(f"{fault} {method}")
        return fault

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Relay

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.judge(self.command, self.path)
        if fault == "reset":
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.connection.close()
        elif fault.isdigit():
            self._answer(int(fault), {}, _ERROR.encode())
        else:
            self._hand_on(body, fault)

    def _hand_on(self, body: bytes, fault: str) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.server.target)) as onward:
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if not (fault == "forgetful" and name.lower() == "if-none-match"):
                    onward.putheader(name, value)
            onward.endheaders(body)
            answer = onward.getresponse()
            content = answer.read()
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOPS}
        length = int(answer.getheader("Content-Length") or len(content))
        if fault == "lost":  # done, and nobody is told
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(answer.status, headers, content, length, cut=fault == "cut")

    def _answer(
        self,
        status: int,
        headers: dict[str, str],
        content: bytes,
        length: int | None = None,
        *,
        cut: bool = False,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            content = content[: len(content) // 2] if cut else content
            with self.server.lock:
                self.server.sent += len(content)
            self.wfile.write(content)
        self.close_connection = cut

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _relay


# What a server answers repeats who asked.
_ERROR = f"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId>
<StringToSign>{SECRET}{TOKEN}</StringToSign></Error>"""
