"""``platoscope studies``: the questions that ``platoscope run`` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.cli.options import AsJson  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table

if TYPE_CHECKING:
    from platoscope.studies import Plan

__all__ = ["studies"]


def studies(*, as_json: AsJson = False) -> None:
    """List the studies: figure of the paper, rough cost here, question; `--json` adds what each one needs.

    The cost is the estimate of `run STUDY --dry-run` for the bundled preset, with what is installed.
    """
    from platoscope.studies import list_studies, make_plan

    known = [(study, _cost(make_plan(study, skip_missing=True))) for study in list_studies()]
    if as_json:
        fields = ("name", "figure", "question", "needs", "presets")
        print_json(
            [{field: getattr(study, field) for field in fields} | {"cost": cost} for study, cost in known]
        )
        return
    rows = [(study.name, study.figure, cost, study.question) for study, cost in known]
    print_table(("study", "figure", "cost", "question"), rows)


def _cost(plan: Plan, /) -> str:
    """Say how long a study takes here, or that nothing of it can run."""
    return dict(plan.estimate.rows())["time"] if plan.comparisons else "not installed"
