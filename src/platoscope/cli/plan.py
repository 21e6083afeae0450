"""``platoscope plan MODEL PAIRS``: what reading pairs with a model would take, before anything is loaded."""

from __future__ import annotations

from typing import Annotated

import typer

from platoscope.cli.options import AsJson, Layers, parse_layers  # Typer reads annotations
from platoscope.cli.output import print_json, print_table

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
    n: Annotated[int, typer.Option(min=1, help="How many pairs.")] = 1000,
    layers: Layers = None,
    as_json: AsJson = False,
) -> None:
    """Print memory, disk and time of an extraction without loading the weights."""
    from platoscope.studies import Comparison, Design, Items, Source, Study, make_plan

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
    rows = [
        row for row in make_plan(study, n=n).describe() if row.section in ("extraction", "cost", "left out")
    ]
    if as_json:
        print_json(rows)
        return
    print_table(("", "what", "how much"), [(row.section, row.item, row.detail) for row in rows])
