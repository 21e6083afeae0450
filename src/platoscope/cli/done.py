"""What came of ``platoscope run``: the closing table, the verdicts, where the folders are, and what was not finished."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platoscope.cli.output import print_json, print_table, print_text, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platoscope.studies import Passes, StudyResult

__all__ = ["Done", "print_results", "report_failures"]


@dataclass
class Done:
    """What came of the studies that were asked for, and how often models read for all of them together."""

    finished: list[tuple[StudyResult, Path]] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)
    passes: Passes | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def print_results(done: Done, /, *, as_json: bool) -> None:
    """Print the closing table, the verdicts, and where the run folder is."""
    if as_json:
        print_json([_closing(result, folder) for result, folder in done.finished])
        return
    from platoscope.report.summary import closing_table

    for result, folder in done.finished:
        print_text(f"{result.study.name}: {result.study.question}\n")
        header, rows = closing_table(result.summary)
        if rows:
            print_table(header, rows)
            print_text("")
        if result.verdicts:
            print_table(
                ("verdict", "statement and evidence"),
                [(verdict.answer, f"{verdict.statement} {verdict.evidence}") for verdict in result.verdicts],
            )
            print_text("")
        for item in result.plan.left_out:
            print_text(f"Left out: {item.label}. {item.reason} {item.remedy}")
        if len(result.kept) == len(result.results):
            print_text("Every comparison was on disk already.")
        elif result.kept:
            print_text(f"On disk already were {len(result.kept)} of {len(result.results)} comparisons.")
        if result.timings:
            seconds = ", ".join(f"{name} {value:.1f} s" for name, value in result.timings.items())
            print_text(f"Time: {seconds}")
        print_text(f"Figures, data and page: {folder}\n")
    if done.passes is not None:
        passes = done.passes
        print_text(
            f"Representations: {passes.asked} sides of comparisons were asked for, {passes.different} passes over a "
            f"model serve them, {passes.read} were made now."
        )


def _closing(result: StudyResult, folder: Path, /) -> dict[str, object]:
    """Return what the closing table, the verdicts and the last lines say, for programs."""
    return {
        "study": result.study.name,
        "summary": result.summary,
        "verdicts": result.verdicts,
        "left_out": result.plan.left_out,
        "kept": result.kept,
        "timings": result.timings,
        "folder": folder,
    }


def report_failures(failures: Mapping[str, Exception], /, *, debug: bool) -> int:
    """Say on stderr which studies failed and why, with the tracebacks to debug them, and return the exit code."""
    for name, error in failures.items():
        if debug:
            traceback.print_exception(error)
        sys.stderr.write(f"{name} was not finished: {sentence(error)}\n")
    return 2
