"""What ``platoscope compare`` reads, computes and prints, for each way of comparing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from platoscope.errors import InputError, NotFoundError
from platoscope.progress import StageTeller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.measures import ComparisonOptions
    from platoscope.progress import Progress
    from platoscope.representations import Representations

__all__ = ["Asked", "Compared", "How", "compute"]

How: TypeAlias = Literal["profile", "grid", "spaces", "models", "checkpoints"]
_SHOWN_DEPTHS = ("0", "0.5", "1")
_COLUMNS = (
    "step", "space", "measure", "model_a", "model_b", "best", "direction", "layer_a", "layer_b", "value", "low", "high",
    "p", *(f"at depth {depth}" for depth in _SHOWN_DEPTHS),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What is compared: two or more models over pairs, or as many files or keys of the store.

    Parameters
    ----------
    parts : sequence of str
        Models, files or keys.
    pairs, encoding : str or None
        What models read, and how its file is written; None for files and keys.
    checkpoints : bool
        Whether the parts are steps of a training.
    reference, pooling, names, seed, store, progress
        As the options of the command.
    cluster : Cluster or None
        Who reads, and compares every two of several models.
    chosen : mapping
        How items are chosen, for `platoscope.layerwise.read_models`.
    """

    parts: Sequence[str]
    pairs: str | None
    encoding: str | None
    checkpoints: bool
    reference: str | None
    pooling: str | None
    chosen: Mapping[str, Any]
    names: tuple[str, ...] | None
    seed: int
    store: str | None
    progress: Progress
    cluster: Cluster | None

    def read(self) -> Read:
        """Read, or open, all parts over the items that all have."""
        if self.names is not None and len(self.names) != (2 if self.checkpoints else len(self.parts)):
            wanted = "of the checkpoints and of their reference" if self.checkpoints else "one for each"
            message = (
                f"names must be {2 if self.checkpoints else len(self.parts)} texts separated by commas, {wanted}; got "
                f"{','.join(self.names)!r}"
            )
            raise InputError(message)
        if self.pairs is None:
            return self._opened()
        from platoscope.datasets import load_pairs
        from platoscope.layerwise import read_checkpoints, read_models

        pairs = load_pairs(self.pairs, encoding=self.encoding)
        common: dict[str, Any] = {
            "pooling": self.pooling, "names": self.names, "seed": self.seed, "store": self.store,
            "progress": self.progress, "cluster": self.cluster, **self.chosen,
        }  # fmt: skip
        if self.checkpoints:
            steps = _steps(self.parts)
            found = read_checkpoints(steps, pairs, reference=self.reference, **common)
            return Read(
                tuple(found.checkpoints.values()),
                found.names,
                found.strata,
                tuple(found.checkpoints),
                found.reference,
            )
        read = read_models(self.parts, pairs, **common)
        return Read(read.stacks, read.names, read.strata)

    def _opened(self) -> Read:
        """Open files, or keys of the store, and bring them to the items that all have."""
        from platoscope.models import name_of
        from platoscope.representations import align

        steps = _steps(self.parts) if self.checkpoints else dict(enumerate(self.parts))
        order = sorted(steps)
        given = [*(steps[step] for step in order), *((self.reference,) if self.reference else ())]
        opened = [_open(part, self.store, self.pooling) for part in given]
        common = opened[0]
        for other in opened[1:]:
            common = align(common, other).a
        aligned = tuple(align(common, each).b for each in opened)
        dropped = tuple(each.n_items - common.n_items for each in opened)
        if not self.checkpoints:
            named = tuple(name_of(part, self.parts) for part in self.parts)
            return Read(aligned, self.names or (None if len(named) == 2 else named), None, dropped=dropped)
        reference = aligned[-1] if self.reference else None
        called = self.names or ("checkpoint", "reference" if self.reference else "last checkpoint")
        return Read(aligned[: len(order)], called, None, tuple(order), reference, dropped)


@dataclass(frozen=True)
class Read:
    """Representations of the same items.

    Parameters
    ----------
    stacks : tuple of Representations
        One for each part; of checkpoints in the order of their steps.
    names : tuple of str or None
        What they are called.
    strata : tuple of str or None
        Groups of the items.
    steps : tuple of float
        Of checkpoints.
    reference : Representations, mapping or None
        What checkpoints are compared with, as `platoscope.layerwise.trajectory` takes it.
    dropped : tuple of int
        How many items of each part were left out, because another one lacks them.
    """

    stacks: tuple[Representations, ...]
    names: tuple[str, ...] | None
    strata: Sequence[Any] | None
    steps: tuple[float, ...] = ()
    reference: Any = None
    dropped: tuple[int, ...] = ()


def compute(
    how: How, asked: Asked, told: Mapping[str, Any], /, *, match: Any, null_matched: str | None
) -> Compared:
    """Read and compare; `told` are the options of the comparison that were given."""
    from platoscope.layerwise import compare_many
    from platoscope.measures import ComparisonOptions, changed, matched_strata
    from platoscope.representations import token_counts

    options = changed(ComparisonOptions(), told)  # before anything is read
    read = asked.read()
    groups = read.strata
    if null_matched:
        groups = matched_strata(*map(token_counts, read.stacks), within=groups)
    asked.progress.stage("Comparing")
    way = match or ("index" if asked.pairs is None else "relative_depth")
    tell = StageTeller(asked.progress)
    if how == "models":
        assert read.names is not None
        (measure,) = told["measures"] or ("information_imbalance",)
        stacks = dict(zip(read.names, read.stacks, strict=True))
        result = compare_many(stacks, measure=measure, options=options, progress=tell, cluster=asked.cluster)
        return Compared(how, asked.parts, read, result)
    measures = told["measures"] or ("information_imbalance",)
    compared = _function(how, way, options, measures)
    sides = (
        (dict(zip(read.steps, read.stacks, strict=True)), read.reference)
        if how == "checkpoints"
        else read.stacks
    )
    result = compared(*sides, strata=groups, names=read.names, rng=asked.seed, progress=tell)
    return Compared(how, asked.parts, read, result)


def _function(how: How, way: Any, options: ComparisonOptions, measures: Sequence[str], /) -> Any:
    """Return what compares two sides, with what is the same however they were read."""
    from platoscope import layerwise

    functions = {
        "profile": partial(layerwise.profile, match=way, options=options),
        "grid": partial(layerwise.compare, options=options),
        "spaces": partial(layerwise.compare_spaces, match=way, options=options, measures=measures),
        "checkpoints": partial(layerwise.trajectory, match=way, options=options, measures=measures),
    }
    return functions[how]


@dataclass(frozen=True)
class Compared:
    """A result, and what it was computed of."""

    how: How
    parts: Sequence[str]
    read: Read
    result: xr.Dataset

    def table(self) -> pd.DataFrame:
        """Return a row for each number."""
        from platoscope.layerwise import to_frame

        return to_frame({" ".join(self.parts): self.result})

    def items(self) -> pd.DataFrame:
        """Return a row for each item and layer."""
        from platoscope.layerwise import per_item

        return per_item(self.result)

    def shown(self, table: pd.DataFrame, /) -> tuple[list[str], list[list[object]]]:
        """Return header and rows of what is printed: of models a row for every two, of a training the best layers."""
        if self.how == "models":
            table = _by_models(table)
        elif self.how == "checkpoints":
            table = _best_of_steps(table, self.result)
        if "name_a" in table and "direction" in table:
            a, b = table["name_a"].iloc[0], table["name_b"].iloc[0]
            table = table.replace({"direction": {"a_to_b": f"{a} → {b}", "b_to_a": f"{b} → {a}"}})
        for side in "ab":
            if f"layer_name_{side}" in table:
                table = table.assign(**{f"layer_{side}": table[f"layer_name_{side}"]})
        columns = [name for name in _COLUMNS if name in table]  # no direction where no measure has one
        return columns, [list(map(_cell, row)) for row in table[columns].itertuples(index=False)]

    def in_words(self) -> str:
        """Say what was compared: how many items, which tokens, in which space, beside which norm, and what was left out."""
        stacks, names, result = self.read.stacks, self.read.names, self.result
        poolings = [_pooling(each) for each in stacks]
        apart = "; ".join(
            f"{letter}: {each}" for letter, each in zip(ascii_uppercase, poolings, strict=False)
        )
        said = poolings[0] if len(set(poolings)) == 1 else apart
        side = result.attrs.get("last_layer")
        norm = f"; last layer {side} the final norm" if side else ""
        space = f"rows {result.attrs['transform']}; {result.attrs['metric']}"
        words = f"Compared: {stacks[0].n_items:,} items; {said}; {space}{norm}."
        if names is not None and self.how != "models":
            words += f" A is {names[0]}, B is {names[1]}."
        if any(self.read.dropped):
            words += f" {self._left_out()}"
        return words

    def _left_out(self) -> str:
        dropped = self.read.dropped
        if len(dropped) == 2:
            return f"Left out: {dropped[0]:,} items that only A has and {dropped[1]:,} that only B has."
        return f"Left out, because not all have them: {', '.join(f'{n:,}' for n in dropped)} items of each in order."


def _by_models(table: pd.DataFrame, /) -> pd.DataFrame:
    """Return a row for every two models: the best pair of layers, and some of the equal depths."""
    best = table[table["at"] == "best"].drop(columns=["at"]).rename(columns={"value": "best"})
    for depth in _SHOWN_DEPTHS:
        at = table.loc[table["at"] == depth, "value"]
        best = best.assign(**{f"at depth {depth}": at.to_numpy()})
    return best


def _best_of_steps(table: pd.DataFrame, result: xr.Dataset, /) -> pd.DataFrame:
    """Return of every step, measure and direction the row of the layer that says most similar."""
    from platoscope.layerwise import higher_is_similar

    known = table["measure"].map(lambda name: higher_is_similar(result, name) is not None)
    measured = table[known & table["value"].notna()]
    sign = [1 if higher_is_similar(result, name) else -1 for name in measured["measure"]]
    keyed = measured.assign(similarity=measured["value"] * sign, direction=measured["direction"].fillna(""))
    rows = keyed.groupby(["step", "measure", "direction"], sort=False)["similarity"].idxmax()
    return measured.loc[rows]


def _cell(value: object, /) -> object:
    """Write a number with four decimals, and a dash for what is missing: a symmetric measure has no direction."""
    if value is None or value != value:  # NaN alone differs from itself
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else value


def _pooling(side: Representations, /) -> str:
    """Say which tokens stand for an item, and how their values were clipped."""
    model = side.provenance.get("model")
    clip = model.get("clip") if isinstance(model, dict) else None
    return f"pooling {side.pooling}" if clip is None else f"pooling {side.pooling}, clip {clip:g} on tokens"


def _open(name: str, store: str | None, pooling: str | None, /) -> Representations:
    """Open a file, or a key of the store."""
    from platoscope.representations import import_representations, open_representations

    if Path(name).is_file():
        found = import_representations(name)
        return found if pooling is None else found.with_pooling(pooling)
    if Path(name).suffix or Path(name).is_dir():  # a key has none, and is none
        came = f"{name!r} is a folder" if Path(name).is_dir() else f"There is no file {name!r}"
        message = (
            f"{came}. Give a file, or a key of the store without an ending (platoscope store ls); models are compared over "
            "pairs, with --pairs, and arrays of Zarr in Python (platoscope.compare)."
        )
        raise NotFoundError(message)
    return open_representations(name, store=store, pooling=pooling)


def _steps(parts: Sequence[str], /) -> dict[int, str]:
    """Return checkpoints by the number that their names end in, an ending such as ``.npy`` aside."""
    found: dict[int, str] = {}
    for part in parts:
        number = re.search(r"(\d+)(\.[a-z]\w*)?$", Path(part).name)
        if number is None:
            message = f"the name of the checkpoint {part!r} does not end in its step, as checkpoint-500 does"
            raise InputError(message)
        step = int(number[1])
        if step in found:
            message = f"two checkpoints are of step {step}: {found[step]!r} and {part!r}"
            raise InputError(message)
        found[step] = part
    return found
