"""``platoscope compare A B``: two representations or models, layer by layer or every layer with every layer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from platoscope.cli.options import (  # Typer reads annotations when it runs
    AsJson,
    MetricOption,
    NeighborsOption,
    OverlapNeighborsOption,
    Seed,
    Store,
    TransformOption,
    is_verbose,
)
from platoscope.cli.output import print_json, print_table, print_text
from platoscope.cli.progress import open_progress
from platoscope.errors import InputError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr

    from platoscope.layerwise import TwoReadings
    from platoscope.representations import Representations

__all__ = ["compare"]

_PART = (
    "A key of the store (`platoscope store ls`), or a file: .npy, .npz, .safetensors, .pt, .h5. With --pairs a model: "
    "a name (`platoscope models`), hub id, folder or .gguf file."
)


def compare(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help=_PART)],
    b: Annotated[str, typer.Argument(metavar="B", help=_PART)],
    *,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="A and B are models: A reads side a of these pairs, as bible:en-it or pairs.jsonl, and B side b; "
            "same:bible:en has one text for both.",
            show_default=False,
        ),
    ] = None,
    side: Annotated[
        str | None, typer.Option(help="With --pairs: both models read this side.", show_default=False)
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(min=1, help="With --pairs: how many, at random; all by default.", show_default=False),
    ] = None,
    min_tokens: Annotated[
        int | None, typer.Option(min=1, help="With --pairs: leave out shorter texts.", show_default=False)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="With --pairs: leave out longer texts.", show_default=False)
    ] = None,
    strata: Annotated[
        bool,
        typer.Option("--strata", help="With --pairs: permute only within their groups (book, class)."),
    ] = False,
    names: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="What both sides are called.", show_default=False),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="One that both have, the first by default; with --pairs any, mean(20) by default.",
            show_default=False,
        ),
    ] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Every layer of A with every layer of B.")] = False,
    spaces: Annotated[
        bool,
        typer.Option(
            "--spaces", help="Δ and its asymmetry under several preparations of the rows, side by side."
        ),
    ] = False,
    match: Annotated[
        Literal["index", "relative_depth"] | None,
        typer.Option(
            help="Which layers of A and B belong together: index, or with --pairs relative_depth, by default.",
            show_default=False,
        ),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="Repeat for several; Δ, neighborhood overlap and CKA by default.", show_default=False
        ),
    ] = None,
    transform: TransformOption = None,
    metric: MetricOption = None,
    neighbors: NeighborsOption = None,
    overlap_neighbors: OverlapNeighborsOption = None,
    resamples: Annotated[
        int | None, typer.Option(min=0, help="Subsamples behind the intervals.", show_default=False)
    ] = None,
    permutations: Annotated[int, typer.Option(min=0, help="Permutations behind the null.")] = 0,
    null_matched: Annotated[
        Literal["tokens"] | None,
        typer.Option(
            help="Permute only among items with about as many tokens on both sides, which the store has counted.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write the labelled result: .nc, or .csv for a table; figures beside it with --spaces.",
            show_default=False,
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Also draw the result: .png, .svg or .pdf.", show_default=False),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            help="Also write a table of single items, .csv: ranks, nearest neighbors, hubs.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Compare two representations, or two models over pairs, layer by layer: both directions of Δ, overlap and CKA."""
    from platoscope import layerwise
    from platoscope.measures import ComparisonOptions, changed, matched_strata
    from platoscope.representations import token_counts

    _check_ending("--out", out, {".nc": "all of the result", ".csv": "a table"})
    _check_ending("--items", items, {".csv": "a table"})
    _check_ending("--figure", figure, dict.fromkeys((".png", ".svg", ".pdf"), "a picture"))
    _check_spaces(spaces, grid=grid, transform=transform)
    _check_null({"--null-matched": bool(null_matched), "--strata": strata}, permutations)
    chosen: dict[str, Any] = {
        "side": side,
        "n": n,
        "min_tokens": min_tokens,
        "max_tokens": max_tokens,
        "within_strata": strata,
    }
    _check_models(pairs, chosen)
    told = {
        "measures": measure or None, "transform": transform, "metric": metric, "n_neighbors": neighbors,
        "overlap_neighbors": overlap_neighbors, "n_resamples": resamples, "n_permutations": permutations,
        "items": items is not None,
    }  # fmt: skip
    options = changed(ComparisonOptions(), told)
    with open_progress(verbose=is_verbose(context)) as progress:
        read: _Opened | TwoReadings
        if pairs is None:
            read = _opened(a, b, pooling=pooling, names=names, store=store)
        else:
            read = layerwise.read_models(
                a, b, pairs, pooling=pooling or "mean(20)", names=names, seed=seed, store=store, progress=progress,
                **chosen,
            )  # fmt: skip
        progress.stage("Comparing")
        groups: Sequence[Any] | None = read.strata
        if null_matched:
            groups = matched_strata(token_counts(read.a), token_counts(read.b), within=groups)

        def report(what: str, done: int, total: int) -> None:
            progress.advance(done, f"{what}, {done} of {total}")

        if grid:
            compared = layerwise.compare
        else:
            several = partial(layerwise.compare_spaces, measures=measure or ("information_imbalance",))
            way = match or ("index" if pairs is None else "relative_depth")
            compared = partial(several if spaces else layerwise.profile, match=way)
        result = compared(
            read.a, read.b, options=options, strata=groups, names=read.names, rng=seed, progress=report
        )
    table = layerwise.to_frame({f"{a} {b}": result})
    if out is not None:
        _write(result, table, out)
        if spaces:
            _draw_beside(result, out)
    if figure is not None:
        _draw(result, figure)
    if items is not None:
        _write(result, layerwise.per_item(result), items)
    _print(table, as_json=as_json)
    if not as_json:
        print_text(f"\n{_in_words(read, result)}")


class _Opened(NamedTuple):
    """Two representations, what they are called, and what was left out because one of them lacks it."""

    a: Representations
    b: Representations
    names: tuple[str, str] | None
    strata: None = None
    dropped: tuple[int, int] = (0, 0)


def _opened(
    a: str, b: str, /, *, pooling: str | None, names: tuple[str, str] | None, store: str | None
) -> _Opened:
    """Open two files, or keys of the store, and bring them to the items that both have."""
    from platoscope.representations import align

    aligned = align(_open(a, store, pooling), _open(b, store, pooling))
    return _Opened(aligned.a, aligned.b, names, dropped=(aligned.dropped_a, aligned.dropped_b))


def _open(name: str, store: str | None, pooling: str | None, /) -> Representations:
    """Open a file, or a key of the store."""
    from platoscope.representations import import_representations, open_representations

    if Path(name).is_file():
        found = import_representations(name)
        return found if pooling is None else found.with_pooling(pooling)
    if Path(name).suffix or Path(name).is_dir():  # a key has none, and is none
        message = (
            f"There is no file {name!r}. Give a file, or a key of the store without an ending (platoscope store ls); two "
            "models are compared over pairs, with --pairs."
        )
        raise NotFoundError(message)
    return open_representations(name, store=store, pooling=pooling)


def _in_words(read: _Opened | TwoReadings, result: xr.Dataset, /) -> str:
    """Say what was compared: how many items, which tokens, in which space, beside which norm, and what was left out."""
    a, b = (_pooling(side) for side in (read.a, read.b))
    poolings = a if a == b else f"A: {a}; B: {b}"
    space = f"rows {result.attrs['transform']}; {result.attrs['metric']}"
    side = result.attrs["last_layer"]
    norm = f"; last layer {side} the final norm" if side else ""
    words = f"Compared: {read.a.n_items:,} items; {poolings}; {space}{norm}."
    if read.names is not None:
        words += f" A is {read.names[0]}, B is {read.names[1]}."
    if isinstance(read, _Opened) and any(read.dropped):
        only_a, only_b = read.dropped
        words += f" Left out: {only_a:,} items that only A has and {only_b:,} that only B has."
    return words


def _pooling(side: Representations, /) -> str:
    """Say which tokens stand for an item, and how their values were clipped."""
    model = side.provenance.get("model")
    clip = model.get("clip") if isinstance(model, dict) else None
    return f"pooling {side.pooling}" if clip is None else f"pooling {side.pooling}, clip {clip:g} on tokens"


def _check_ending(option: str, path: Path | None, known: Mapping[str, str], /) -> None:
    """Refuse a file of another kind before the work, not after it."""
    if path is not None and path.suffix not in known:
        kinds = " or ".join(f"{ending} ({what})" for ending, what in known.items())
        message = f"{option} writes {kinds}, got {str(path)!r}"
        raise InputError(message)


def _check_spaces(spaces: bool, /, *, grid: bool, transform: str | None) -> None:
    """Refuse what does not go with several spaces side by side."""
    wrong = [name for name, given in (("--grid", grid), ("--transform", transform)) if given]
    if spaces and wrong:
        message = (
            f"--spaces compares matched layers under preparations of its own; leave out {' and '.join(wrong)}"
        )
        raise InputError(message)


def _check_null(asked: Mapping[str, bool], n_permutations: int, /) -> None:
    """Refuse to say among what pairs are shuffled where none are."""
    named = [option for option, given in asked.items() if given]
    if named and not n_permutations:
        message = f"{named[0]} is about the permutations behind the null; give --permutations as well, as 200"
        raise InputError(message)


def _check_models(pairs: str | None, chosen: Mapping[str, object], /) -> None:
    """Refuse to choose items where representations are at hand that were made of some."""
    named = [f"--{'strata' if name == 'within_strata' else name}" for name, value in chosen.items() if value]
    if pairs is None and named:
        message = f"{named[0].replace('_', '-')} is for models, which read pairs; give --pairs as well, as bible:en-it"
        raise InputError(message)


def _draw_beside(result: xr.Dataset, out: Path, /) -> None:
    """Draw Δ and the asymmetry in every space, in files beside `out`."""
    from platoscope.report import draw_spaces
    from platoscope.report.figures import save_figure

    if "asymmetry" in result:
        save_figure(draw_spaces(result), out.parent, out.stem)


def _draw(result: xr.Dataset, path: Path, /) -> None:
    """Draw the result into one file."""
    from platoscope.report import draw_comparison
    from platoscope.report.figures import save_picture

    save_picture(draw_comparison(result), path)


def _write(result: xr.Dataset, table: pd.DataFrame, out: Path, /) -> None:
    """Write the result beside its place and move it there, so that no half of it is left."""
    partial = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".nc":
            result.to_netcdf(partial, engine="h5netcdf")
        else:
            table.to_csv(partial, index=False)
        partial.replace(out)
    except OSError as error:
        message = f"cannot write {out}: {error.strerror or error}"
        raise StorageError(message) from error


def _print(table: pd.DataFrame, /, *, as_json: bool) -> None:
    """Print one line per pair of layers, measure and direction."""
    if as_json:
        print_json(table.to_dict(orient="records"))
        return
    if "name_a" in table and "direction" in table:
        a, b = table["name_a"][0], table["name_b"][0]
        table = table.replace({"direction": {"a_to_b": f"{a} → {b}", "b_to_a": f"{b} → {a}"}})
    names = ("space", "measure", "direction", "layer_a", "layer_b", "value", "low", "high", "p")
    columns = [name for name in names if name in table]  # no direction where no measure has one
    rows = [
        ["–" if _is_missing(cell) else f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row]
        for row in table[columns].itertuples(index=False)
    ]
    print_table(columns, rows)


def _is_missing(cell: object, /) -> bool:
    """Say whether a table has no value here: a symmetric measure has no direction."""
    return cell is None or cell != cell  # NaN alone differs from itself
