"""``platoscope extract MODEL PAIRS``: layer-wise representations on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from platoscope.cli.options import (  # Typer reads annotations when it runs
    DTYPES_METAVAR,
    AsJson,
    ClusterOption,
    Encoding,
    FinalNorm,
    Layers,
    ModelArgument,
    NearDuplicates,
    PairsArgument,
    Seed,
    Store,
    is_verbose,
    parse_layers,
)
from platoscope.cli.output import print_json, print_table, print_text
from platoscope.cli.progress import open_progress
from platoscope.cli.workers import open_workers
from platoscope.progress import PassProgress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.datasets import Pairs
    from platoscope.models import Encoder
    from platoscope.progress import Progress
    from platoscope.representations import Representations
    from platoscope.studies import Items

__all__ = ["extract"]


def extract(
    context: typer.Context,
    model: ModelArgument,
    pairs: PairsArgument,
    *,
    encoding: Encoding = None,
    side: Annotated[
        Literal["a", "b", "both"], typer.Option(help="Which side of the pairs the model reads.")
    ] = "both",
    pooling: Annotated[
        list[str] | None,
        typer.Option(
            help="Repeat for several in one pass; mean(20) by default, mean of images.", show_default=False
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option(min=1, help="How many pairs, at random; all by default.", show_default=False)
    ] = None,
    min_tokens: Annotated[
        int | None, typer.Option(min=1, help="Drop pairs with a shorter text.", show_default=False)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Drop pairs with a longer text.", show_default=False)
    ] = None,
    near_duplicates: NearDuplicates = None,
    layers: Layers = None,
    dtype: Annotated[str, typer.Option(metavar=DTYPES_METAVAR, help="Precision of the weights.")] = "auto",
    device: Annotated[
        str, typer.Option(envvar="PLATOSCOPE_DEVICE", help="auto, or a device as torch names it.")
    ] = "auto",
    device_map: Annotated[
        Literal["auto"] | None,
        typer.Option(help="Spread the model over all GPUs; needs accelerate.", show_default=False),
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of one batch; chosen for the device.", show_default=False),
    ] = None,
    drop_last: Annotated[
        int, typer.Option(min=0, help="Tokens dropped at the end of a text (punctuation).")
    ] = 2,
    clip: Annotated[
        float | None,
        typer.Option(
            help="Clip an item's token values at this quantile and its opposite before pooling; 0.05 in studies.",
            show_default=False,
        ),
    ] = None,
    final_norm: FinalNorm = None,
    tower: Annotated[
        Literal["text", "vision"] | None,
        typer.Option(help="Tower of a text-image model.", show_default=False),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a hub model.", show_default=False)] = None,
    seed: Seed = 0,
    store: Store = None,
    cluster: ClusterOption = None,
    as_json: AsJson = False,
) -> None:
    """Read pairs with a model and keep the pooled states of every layer.

    Running it again finds what is there; a run that was stopped goes on.
    """
    from platoscope import representations
    from platoscope.models import ModelOnDemand, Shelf

    with open_progress(verbose=is_verbose(context)) as progress:
        options = {
            "dtype": dtype,
            "device": device,
            "device_map": device_map,
            "batch_tokens": batch_tokens,
            "drop_last": drop_last,
            "clip": clip,
            "final_norm": final_norm,
            "tower": tower,
            "revision": revision,
        }
        encoder = ModelOnDemand(model, options, Shelf(progress))
        limits = (min_tokens, max_tokens)
        items = _items(pairs, encoder, limits=limits, near_duplicates=near_duplicates, encoding=encoding)
        chosen = _choose(items, encoder, n=n, seed=seed, progress=progress)
        with open_workers(cluster, progress) as workers:
            found = [
                representations.extract(
                    encoder,
                    chosen,
                    side=name,
                    pooling=tuple(pooling) if pooling else None,
                    store=store,
                    layers=parse_layers(layers),
                    progress=PassProgress(progress, f"Reading {getattr(chosen, name).name} with {model}"),
                    cluster=workers,
                )
                for name in (("a", "b") if side == "both" else (side,))
            ]
    _print(found, encoder, as_json=as_json)


def _print(found: Sequence[Representations], encoder: Encoder, /, *, as_json: bool) -> None:
    """Print what is on disk now, and how many items were cut."""
    rows = [
        {
            "key": item.key,
            "items": item.n_items,
            "layers": len(item),
            "poolings": list(item.poolings),
            "truncated": item.n_truncated,
        }
        for item in found
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("key", "items", "layers", "poolings"),
        [(item.key, item.n_items, len(item), ", ".join(item.poolings)) for item in found],
    )
    for item in found:
        if item.n_truncated:
            print_text(
                f"{item.key[:12]}: {item.n_truncated:,} of {item.n_items:,} items are longer than the "
                f"{encoder.max_tokens} tokens that {encoder.name} reads; the rest of them was cut off."
            )


def _items(
    spec: str,
    encoder: Encoder,
    /,
    *,
    limits: tuple[int | None, int | None],
    near_duplicates: float | None,
    encoding: str | None,
) -> Items:
    from platoscope.studies import Items

    return Items(
        data=spec,
        tokenizers=(encoder.name,) if any(limit is not None for limit in limits) else (),
        minimum=limits[0],
        maximum=limits[1],
        near_duplicates=near_duplicates,
        encoding=encoding,
    )


def _choose(items: Items, encoder: Encoder, /, *, n: int | None, seed: int, progress: Progress) -> Pairs:
    """Choose pairs as studies do, so that the same request finds the same representations."""
    from platoscope.studies.run.items import select_items

    progress.stage(f"Choosing items of {items.data}")
    selections = select_items(
        [items],
        n=n,
        seed=seed,
        shortfall="error",
        smallest=1,
        encoder_of=lambda _: encoder,
        on_done=lambda _: None,
    )
    return selections.of(items).pairs
