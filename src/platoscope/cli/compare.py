"""``platoscope compare A B [C ...]``: representations or models, layer by layer, all layers with all, or over steps."""

from __future__ import annotations

import errno
import os
from pathlib import Path  # noqa: TC003  # Typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from platoscope.cli.comparing import Asked, How, compute
from platoscope.cli.options import (
    AsJson,
    ClusterOption,
    Encoding,
    MetricOption,
    NeighborsOption,
    OverlapNeighborsOption,
    Seed,
    Store,
    TransformOption,
    complete_pairs,
    is_verbose,
)
from platoscope.cli.output import print_json, print_table, print_text
from platoscope.cli.progress import open_progress
from platoscope.cli.workers import open_workers
from platoscope.errors import InputError, StorageError
from platoscope.filenames import why_no_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr

__all__ = ["compare"]

_PART = (
    "A key of the store (`platoscope store ls`), or a file: .npy, .npz, .safetensors, .pt, .h5. With --pairs a model: "
    "a name (`platoscope models`), hub id, folder or .gguf file. More than two: every one with every other."
)


def compare(
    context: typer.Context,
    parts: Annotated[list[str], typer.Argument(metavar="A B [C ...]", help=_PART)],
    *,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="A and B are models: A reads side a of these pairs, as bible:en-it or pairs.jsonl, and B side b; "
            "same:bible:en has one text for all.",
            autocompletion=complete_pairs,
            show_default=False,
        ),
    ] = None,
    encoding: Encoding = None,
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--checkpoints",
            help="A, B, … are checkpoints of one model, whose names end in their step: compared over the training, "
            "with the last one, with --reference, or of pairs of two sides each with itself on the other side.",
        ),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            help="With --checkpoints: what they are compared with instead; a model reads side b.",
            show_default=False,
        ),
    ] = None,
    side: Annotated[
        str | None, typer.Option(help="With --pairs: all models read this side.", show_default=False)
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(min=3, help="With --pairs: how many, at random; all by default.", show_default=False),
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
        str | None,
        typer.Option(
            help="What they are called, as English,Italian: one for each, with --checkpoints of the checkpoints and of "
            "what they are compared with.",
            show_default=False,
        ),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="One that all have, the first by default; with --pairs any, mean(20) by default (mean of images).",
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
        int | None,
        typer.Option(min=0, help="Subsamples behind the intervals: none, or at least 2.", show_default=False),
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
    cluster: ClusterOption = None,
    as_json: AsJson = False,
) -> None:
    """Compare two representations, or two models over pairs, layer by layer: both directions of Δ, overlap and CKA."""
    _check_file("--out", out, {".nc": "all of the result", ".csv": "a table"})
    _check_file("--items", items, {".csv": "a table"})
    _check_file("--figure", figure, dict.fromkeys((".png", ".svg", ".pdf"), "a picture"))
    how = _how(parts, checkpoints=checkpoints, grid=grid, spaces=spaces)
    _refuse(
        how,
        {
            "--grid": grid, "--spaces": spaces, "--items": items is not None, "--null-matched": null_matched is not None,
            "--match": match is not None, "--strata": strata, "--transform": transform is not None,
            "--resamples": resamples is not None, "--permutations": permutations > 0, "--reference": reference is not None,
            "more than one --measure": len(measure or ()) > 1,
        },
    )  # fmt: skip
    _check_null({"--null-matched": bool(null_matched), "--strata": strata}, permutations)
    chosen: dict[str, Any] = {
        "side": side,
        "n": n,
        "min_tokens": min_tokens,
        "max_tokens": max_tokens,
        "within_strata": strata,
    }
    _check_models(pairs, chosen | {"encoding": encoding})
    told = {
        "measures": measure or None, "transform": transform, "metric": metric, "n_neighbors": neighbors,
        "overlap_neighbors": overlap_neighbors, "n_resamples": resamples, "n_permutations": permutations,
        "items": items is not None,
    }  # fmt: skip
    needed = cluster if pairs is not None or how == "models" else None  # else there is nothing to share out
    with open_progress(verbose=is_verbose(context)) as progress, open_workers(needed, progress) as workers:
        asked = Asked(
            parts, pairs=pairs, encoding=encoding, checkpoints=checkpoints, reference=reference, pooling=pooling,
            chosen=chosen, names=None if names is None else tuple(name.strip() for name in names.split(",")),
            seed=seed, store=store, progress=progress, cluster=workers,
        )  # fmt: skip
        done = compute(how, asked, told, match=match, null_matched=null_matched)
    table = done.table()
    if out is not None:
        _write(done.result, table, out)
        if spaces:
            _draw_beside(done.result, out)
    if figure is not None:
        _draw(done.result, figure)
    if items is not None:
        _write(done.result, done.items(), items)
    if as_json:
        print_json(table.to_dict(orient="records"))
        return
    print_table(*done.shown(table))
    print_text(f"\n{done.in_words()}")


_TWO = ("--reference",)
_REFUSED: dict[How, tuple[str, ...]] = {
    "profile": _TWO,
    "grid": ("--match", *_TWO),
    "spaces": ("--grid", "--transform", *_TWO),
    "models": (
        "--grid", "--spaces", "--items", "--null-matched", "--match", "--strata", "--resamples", "--permutations",
        "more than one --measure", *_TWO,
    ),
    "checkpoints": ("--grid", "--spaces", "--items", "--null-matched"),
}  # fmt: skip
"""Options that have no meaning for a way of comparing."""
_WAYS: dict[How, str] = {
    "profile": "two are compared layer by layer",
    "grid": "--grid compares every layer of A with every layer of B",
    "spaces": "--spaces compares matched layers under preparations of its own",
    "models": "more than two are compared at the best layers of every two, and at equal depth",
    "checkpoints": "--checkpoints compares matched layers at every step",
}


def _how(parts: Sequence[str], /, *, checkpoints: bool, grid: bool, spaces: bool) -> How:
    """Say which way of comparing is asked for."""
    if len(parts) < 2:
        message = f"compare takes two keys, files or models, or more; got {parts[0]!r} alone"
        raise InputError(message)
    if checkpoints:
        return "checkpoints"
    if len(parts) > 2:
        return "models"
    return "spaces" if spaces else "grid" if grid else "profile"


def _refuse(how: How, given: Mapping[str, bool], /) -> None:
    """Refuse what has no meaning for a way of comparing."""
    wrong = [option for option in _REFUSED[how] if given[option]]
    if wrong:
        message = f"{_WAYS[how]}; leave out {' and '.join(wrong)}"
        raise InputError(message)


def _check_file(option: str, path: Path | None, known: Mapping[str, str], /) -> None:
    """Refuse a file of another kind, or one that cannot be written, before the work, not after it."""
    if path is not None and path.suffix not in known:
        kinds = " or ".join(f"{ending} ({what})" for ending, what in known.items())
        message = f"{option} writes {kinds}, got {str(path)!r}"
        raise InputError(message)
    if path is not None:
        taken = os.strerror(errno.EISDIR) if path.is_dir() else None
        reason = taken or why_no_folder(path.parent, to_write=True)
        if reason is not None:
            message = f"cannot write {path}: {reason}. Choose another file with {option}."
            raise StorageError(message)


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
