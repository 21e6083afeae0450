"""An object store on this machine, and what is asked of it: the server and the relay are those of the tests."""

from __future__ import annotations

import importlib.util
import os
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_TOOLS = Path(__file__).parents[2] / "tests" / "representations" / "object_server.py"


@contextmanager
def object_store() -> Iterator[tuple[str, Any]]:
    """Give the URL of an empty store, and the relay through which this process and its workers reach it.

    The relay has counted the requests (`counted`) and the bytes that were answered (`sent`).
    """
    tools = _tools()
    with tools.start_server() as port, tools.Relay(port) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        os.environ |= {
            "AWS_ACCESS_KEY_ID": tools.KEY_ID,
            "AWS_SECRET_ACCESS_KEY": tools.SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{relay.server_port}",
            "AWS_ALLOW_HTTP": "true",
        }
        made = urllib.request.Request(f"http://127.0.0.1:{port}/lab", method="PUT")
        with urllib.request.urlopen(made):
            yield "s3://lab/platoscope", relay
        relay.shutdown()


def _tools() -> ModuleType:
    spec = importlib.util.spec_from_file_location(_TOOLS.stem, _TOOLS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
