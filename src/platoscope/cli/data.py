"""``platoscope data list|show|prepare``: pairs of things that mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from platoscope.cli.options import (
    AsJson,
    Encoding,
    NearDuplicates,
    Seed,
    complete_pairs,
)  # Typer reads annotations when it runs
from platoscope.cli.output import in_words, print_json, print_table, print_text

if TYPE_CHECKING:
    from platoscope.datasets import DatasetInfo

__all__ = ["data"]

data = typer.Typer(no_args_is_help=True, help="List, show and prepare data sets.")

Spec = Annotated[
    str,
    typer.Argument(
        metavar="PAIRS",
        help="A data set, such as bible:en-it or pairs.jsonl.",
        autocompletion=complete_pairs,
    ),
]


@data.command("list")
def list_data(*, as_json: AsJson = False) -> None:
    """List the data sets, what they pair, and which are on this machine now."""
    from platoscope.datasets import list_datasets

    known = list_datasets()
    if as_json:
        print_json(known)
        return
    rows = [
        (
            info.name,
            " ".join(info.variants),
            info.sides,
            _where(info),
            info.description
            if info.available and not info.on_hub
            else f"{info.description} Get it: {info.how_to_get}",
        )
        for info in known
    ]
    print_table(("data set", "variants", "pairs", "here", "description"), rows)


@data.command("show")
def show(
    pairs: Spec,
    *,
    n: Annotated[int, typer.Option(min=1, help="How many pairs to show.")] = 3,
    encoding: Encoding = None,
    near_duplicates: NearDuplicates = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Show where pairs come from, what was filtered, and some of them."""
    import numpy as np

    from platoscope.datasets import drop_near_duplicates, load_pairs

    loaded = load_pairs(pairs, encoding=encoding)
    if near_duplicates is not None:
        loaded = drop_near_duplicates(loaded, threshold=near_duplicates)
    shown = loaded.sample(min(n, len(loaded)), np.random.default_rng(seed))
    examples = [
        {"id": item, "a": _shorten(shown.a[i]), "b": _shorten(shown.b[i])} for i, item in enumerate(shown.ids)
    ]
    if as_json:
        print_json(
            {
                "name": loaded.name,
                "n_pairs": len(loaded),
                "sides": {"a": loaded.a.name, "b": loaded.b.name},
                "fingerprint": loaded.fingerprint(),
                "n_strata": None if loaded.strata is None else len(set(loaded.strata)),
                "provenance": dict(loaded.provenance),
                "counts": loaded.counts,
                "examples": examples,
            }
        )
        return
    print_text(f"{loaded.name}: {len(loaded)} pairs\n")
    print_table(
        ("step", "kept", "dropped", "note"),
        [(count.step, count.kept, count.dropped, count.note) for count in loaded.counts],
    )
    if loaded.strata is not None:
        print_text(f"\n{len(set(loaded.strata)):,} strata, such as {loaded.strata[0]!r}")
    print_text("")
    print_table(("from", "value"), [(key, in_words(value)) for key, value in loaded.provenance.items()])
    for example in examples:
        sides = [f"{name}: {example[side]}" for side, name in (("a", shown.a.name), ("b", shown.b.name))]
        print_text("\n" + "\n".join([f"id: {example['id']}", *sides]))


@data.command("prepare")
def prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which data set: emoji.")],
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Package files as downloaded, or folders.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="New folder; where PAIRS are looked for by default.", show_default=False),
    ] = None,
) -> None:
    """Make a data set of the packages that it comes in."""
    from platoscope.datasets.prepare import prepare_data

    print_text(str(prepare_data(name, sources, out=out)))


def _where(info: DatasetInfo, /) -> str:
    """Say where the data would come from now."""
    if info.available and info.on_hub:
        return "from the hub or a local folder"
    return "yes" if info.available else "no"


def _shorten(item: object, /, limit: int = 300) -> str:
    """Show a text, or name an image."""
    text = item if isinstance(item, str | Path) else f"<{type(item).__name__}>"
    shown = str(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
