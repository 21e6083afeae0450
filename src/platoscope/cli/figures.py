"""``platoscope figures RUN…``: draw finished runs again, without computing."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads annotations when it runs
from typing import Annotated

import typer

from platoscope.cli.output import print_text

__all__ = ["figures"]


def figures(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `run` wrote.")],
) -> None:
    """Draw the figures and the page of finished runs again from their results; nothing is computed."""
    from platoscope.report import draw_result, write_figures, write_page
    from platoscope.studies import load_run

    for folder in runs:
        result = load_run(folder)
        drawn = draw_result(result)
        write_figures(result, folder / "figures", drawn=drawn)
        write_page(result, folder, drawn=drawn)
        print_text(str(folder / "index.html"))
