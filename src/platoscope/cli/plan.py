"""``platoscope plan MODEL PAIRS``: what reading pairs with a model would take, before anything is loaded."""

from __future__ import annotations

from typing import Annotated

import typer

from platoscope.cli.options import AsJson, Layers, parse_layers  # Typer reads annotations
from platoscope.cli.output import print_json, print_table
from platoscope.errors import InputError

__all__ = ["plan"]


def plan(
    model: Annotated[
        str, typer.Argument(help="A model (`platoscope models`), hub id, folder or .gguf file.")
    ],
    pairs: Annotated[str, typer.Argument(metavar="PAIRS", help="Pairs, such as bible:en-it or pairs.jsonl.")],
    *,
    pooling: Annotated[
        list[str] | None, typer.Option(help="Repeat for several; mean(20) by default.", show_default=False)
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="How many pairs, or as many as a file has.")] = 1000,
    layers: Layers = None,
    as_json: AsJson = False,
) -> None:
    """Print memory, disk and time of an extraction without loading the weights."""
    from platoscope.studies import Comparison, Design, Items, Source, Study, make_plan
    from platoscope.studies.planning import PlanRow

    kept = parse_layers(layers)
    comparisons = tuple(
        Comparison(
            label=name,
            a=Source(model=model, side="a", pooling=name, layers=kept),
            b=Source(model=model, side="b", pooling=name, layers=kept),
            items=Items(data=pairs),
        )
        for name in pooling or ["mean(20)"]
    )
    design = Design(comparisons=comparisons)
    study = Study(name="extract", question=f"Both sides of {pairs} in {model}", design=lambda _: design)
    planned = make_plan(study, n=_at_hand(pairs, n))
    rows = [PlanRow("items", pairs, f"{planned.settings.n:,} pairs")]
    rows += [row for row in planned.describe() if row.section in ("extraction", "cost", "left out")]
    if as_json:
        print_json(rows)
        return
    print_table(("", "what", "how much"), [(row.section, row.item, row.detail) for row in rows])


def _at_hand(spec: str, n: int, /) -> int:
    """Count no more pairs than a file has rows, where that is known without loading it."""
    from platoscope.datasets import most_pairs
    from platoscope.studies.items import SMALLEST

    most = most_pairs(spec)
    if most is not None and most < SMALLEST:
        message = f"{spec} has at most {most} pairs; a comparison needs at least {SMALLEST}"
        raise InputError(message)
    return n if most is None else min(n, most)
