"""``platoscope verdicts RUN…``: which statements held, over one or several runs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads annotations when it runs
from typing import Annotated

import typer

from platoscope.cli.options import AsJson  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table

__all__ = ["verdicts"]


def verdicts(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `run` wrote.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Collect the verdicts of runs: each statement, whether it held, and the numbers."""
    from platoscope.studies import load_run

    found = [
        {
            "run": str(folder),
            "study": result.study.name,
            "answer": verdict.answer,
            "statement": verdict.statement,
            "evidence": verdict.evidence,
        }
        for folder in runs
        for result in (load_run(folder),)
        for verdict in result.verdicts
    ]
    if as_json:
        print_json(found)
        return
    rows = [(row["study"], row["answer"], f"{row['statement']} — {row['evidence']}") for row in found]
    print_table(("study", "verdict", "statement and evidence"), rows)
