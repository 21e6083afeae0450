"""``platoscope verify RUN…``: hold every file of a run against its checksum."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads annotations when it runs
from typing import Annotated

import typer

from platoscope.cli.options import AsJson  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table, print_text

__all__ = ["verify"]


def verify(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders that `run` wrote.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check every file of runs against its checksum; what is damaged or missing is named, and the exit code is 2."""
    from platoscope.studies import verify_run

    found = {folder: verify_run(folder) for folder in runs}
    problems = [(folder, problem) for folder, each in found.items() for problem in each]
    if as_json:
        print_json(
            [{"run": folder, "file": problem.file, "reason": problem.reason} for folder, problem in problems]
        )
    elif problems:
        print_table(
            ("run", "file", "problem"),
            [(folder, problem.file, problem.reason) for folder, problem in problems],
        )
        print_text(
            "\nThe same `platoscope run … --out RUN` makes these again and keeps what is whole; `platoscope figures RUN` "
            "draws pictures and page again."
        )
    else:
        print_text("Everything is whole.")
    if problems:
        raise typer.Exit(2)
