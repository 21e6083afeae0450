"""``platoscope studies``: the questions that ``platoscope run`` answers."""

from __future__ import annotations

from platoscope.cli.options import AsJson  # noqa: TC001  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table

__all__ = ["studies"]


def studies(*, as_json: AsJson = False) -> None:
    """List the studies: figure of the paper, rough cost, question; `--json` adds what each one needs."""
    from platoscope.studies import list_studies

    known = list_studies()
    if as_json:
        fields = ("name", "figure", "question", "needs", "cost", "presets")
        print_json([{field: getattr(study, field) for field in fields} for study in known])
        return
    rows = [(study.name, study.figure, study.cost, study.question) for study in known]
    print_table(("study", "figure", "cost", "question"), rows)
