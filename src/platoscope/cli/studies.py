"""``platoscope studies``: the questions that ``platoscope run`` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.cli.options import AsJson  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table

if TYPE_CHECKING:
    from platoscope.studies import Plan

__all__ = ["studies"]


def studies(*, as_json: AsJson = False) -> None:
    """List the studies: figure, space, rough cost here, question; `--json` adds what each one needs.

    The cost is the estimate of `run STUDY --dry-run` for the bundled preset, with what is installed.
    """
    from platoscope.studies import list_studies, make_plan

    known = [(study, make_plan(study, skip_missing=True)) for study in list_studies()]
    if as_json:
        fields = ("name", "figure", "question", "needs", "presets")
        print_json(
            [
                {field: getattr(study, field) for field in fields}
                | {"space": plan.spaces, "cost": _cost(plan)}
                for study, plan in known
            ]
        )
        return
    rows = [(study.name, study.figure, _space(plan), _cost(plan), study.question) for study, plan in known]
    print_table(("study", "figure", "space", "cost", "question"), rows)


def _space(plan: Plan, /) -> str:
    """Say in which space a study compares; controls beside it may have another."""
    return next(iter(plan.spaces), "–")


def _cost(plan: Plan, /) -> str:
    """Say how long a study takes here, or that nothing of it can run."""
    return dict(plan.estimate.rows())["time"] if plan.comparisons else "not installed"
