"""``platoscope view [RUNS]``: the pages of runs and an index that compares them, on this machine or as a static site."""

from __future__ import annotations

import contextlib
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from platoscope.cli.output import print_text
from platoscope.errors import InputError

__all__ = ["view"]


def view(
    runs: Annotated[
        Path, typer.Argument(metavar="[RUNS]", help="A folder of run folders, or one run folder.")
    ] = Path("runs"),
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="SITE", help="Write a static site to this folder instead.", show_default=False),
    ] = None,
    items: Annotated[
        bool,
        typer.Option(
            "--items/--no-items", help="With --bundle: whether pages show texts and pictures of the pairs."
        ),
    ] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 for one that is free.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--open", help="Open the index in the browser.")] = False,
) -> None:
    """Show the pages of all runs of a folder, and an index that compares them, until Ctrl-C."""
    from platoscope.report.serving import open_server
    from platoscope.report.site import find_runs, write_site

    found = find_runs(runs)
    if bundle is not None:
        print_text(str(write_site(found, bundle, items=items)))
        return
    if not items:
        message = "--no-items goes with --bundle, which writes pages; of runs `platoscope figures --no-items` writes theirs"
        raise InputError(message)
    with open_server(runs, port=port) as server, contextlib.suppress(KeyboardInterrupt):
        address = f"http://127.0.0.1:{server.server_port}/"
        print_text(f"{address} shows the runs of {runs}; Ctrl-C ends it.")
        sys.stdout.flush()  # a pipe would keep it until the end
        if browser:
            webbrowser.open_new_tab(address)
        server.serve_forever()
