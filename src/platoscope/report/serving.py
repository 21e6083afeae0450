"""Runs in a browser on this machine: a server that only this machine reaches, with nothing but what pages need."""

from __future__ import annotations

import mimetypes
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from platoscope.errors import PlatoscopeError, StorageError
from platoscope.report.figures import FORMATS
from platoscope.report.site import SHOWN_FILES, find_runs, index_page

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_server"]

_LOOPBACK: Final = "127.0.0.1"


def open_server(runs: Path, /, *, port: int = 0) -> ThreadingHTTPServer:
    """Open a server for the runs of a folder; ``serve_forever`` of it answers until it is interrupted.

    Parameters
    ----------
    runs : pathlib.Path
        What `platoscope.report.site.find_runs` reads, at every request anew: runs that end meanwhile appear.
    port : int, default: 0
        Where it listens; 0 for one that is free.

    Returns
    -------
    http.server.ThreadingHTTPServer
        Listening on 127.0.0.1 and nowhere else; ``server_port`` is its port.

    Raises
    ------
    StorageError
        If the port is taken or may not be used.
    """

    class Handler(_Handler):
        folder = runs

    try:
        return _Server((_LOOPBACK, port), Handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        message = (
            f"cannot listen on port {port} of {_LOOPBACK}: {reason}. Leave --port out for one that is free."
        )
        raise StorageError(message) from error


class _Server(ThreadingHTTPServer):
    """A server to which a browser that hangs up is no error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that the browser closed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers requests for the index, and for the page, the pictures and the tables of a run."""

    folder: Path
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        """Answer one request."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with the head alone."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: stderr is for what a user has to know."""

    def _answer(self, *, with_body: bool) -> None:
        # A page of another site may ask this server under a name of its own; its Host gives it away.
        own = {f"{name}:{self.server.server_port}" for name in (_LOOPBACK, "localhost")}
        if self.headers.get("Host") not in own:
            self._send(HTTPStatus.FORBIDDEN, b"Ask for 127.0.0.1.", "text/plain", with_body=with_body)
            return
        parts = PurePosixPath(unquote(urlsplit(self.path).path)).parts[1:]
        try:
            found = self._find(parts)
        except (PlatoscopeError, OSError) as error:
            self._send(
                HTTPStatus.INTERNAL_SERVER_ERROR, str(error).encode(), "text/plain", with_body=with_body
            )
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, b"There is no such page.", "text/plain", with_body=with_body)
            return
        self._send(HTTPStatus.OK, *found, with_body=with_body)

    def _find(self, parts: tuple[str, ...], /) -> tuple[bytes, str] | None:
        """Read what an address names: the index, or a file of a run that is shown; None for anything else."""
        if parts in ((), ("index.html",)):
            return index_page(find_runs(self.folder)).encode(), "text/html"
        run = find_runs(self.folder).get(parts[0])
        inside = parts[1:] or ("index.html",)
        if run is None or not _is_shown(inside):
            return None
        file = run.joinpath(*inside)
        # A link could point out of the run.
        if not file.is_file() or not file.resolve().is_relative_to(run.resolve()):
            return None
        return file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    def _send(self, status: HTTPStatus, content: bytes, kind: str, /, *, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(content)


def _is_shown(inside: tuple[str, ...], /) -> bool:
    """Say whether a file of a run may be asked for: what a site holds, and nothing beside it."""
    if len(inside) == 1:
        return inside[0] in SHOWN_FILES
    return (
        len(inside) == 2 and inside[0] == "figures" and PurePosixPath(inside[1]).suffix.lstrip(".") in FORMATS
    )
