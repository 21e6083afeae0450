"""``platoscope figures RUN…``: draw finished runs again, without computing."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads annotations when it runs
from typing import Annotated

import typer

from platoscope.cli.output import print_text

__all__ = ["figures"]


def figures(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `run` wrote.")],
    *,
    items: Annotated[
        bool,
        typer.Option("--items/--no-items", help="Whether the page shows texts and pictures of the pairs."),
    ] = True,
) -> None:
    """Draw the figures and the page of finished runs again from their results; nothing is computed."""
    from platoscope.report import write_report
    from platoscope.studies import load_run

    for folder in runs:
        print_text(str(write_report(load_run(folder), folder, items=items)))
