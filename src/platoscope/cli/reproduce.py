"""``platoscope reproduce RUNS``: one page over all runs of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platoscope.cli.output import print_text

__all__ = ["reproduce"]


def reproduce(
    runs: Annotated[
        Path, typer.Argument(metavar="RUNS", help="The folder that `run all --out RUNS` filled.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="The Markdown page; its pictures go beside it.")] = Path(
        "reproduce.md"
    ),
) -> None:
    """Write a page over many runs: figure of the paper, command, cost, what came out, verdicts.

    Nothing is computed: every number comes from the run folders.
    """
    from platoscope.report import write_reproduction

    print_text(str(write_reproduction(runs, out)))
