"""`extract`: from a model and data to representations on disk, computing only what is not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from platoscope.arguments import sequence
from platoscope.checks import flag, whole_numbers
from platoscope.cluster import check_cluster, using_cluster
from platoscope.datasets import Pairs, Side, load_pairs
from platoscope.datasets.sources.in_memory import is_table
from platoscope.errors import InputError, NotFoundError
from platoscope.models.encoder import Encoder
from platoscope.models.loading import load_model
from platoscope.models.on_demand import ModelOnDemand
from platoscope.models.pooling import Pooling, parse_poolings
from platoscope.models.sizes import check_layers
from platoscope.models.together import what_runs
from platoscope.progress import PassProgress, Progress, check_progress, open_bar
from platoscope.representations._backing import find_view
from platoscope.representations._batches import Batches
from platoscope.representations._filling import Job, Need, ProgressCallback, Told, fill
from platoscope.representations._group import (
    LAYER_NAMES,
    find_group,
    group_key,
    stored_as,
)
from platoscope.representations._new_group import create_group
from platoscope.representations._opening import open_folder
from platoscope.representations._spreading import spread
from platoscope.representations._viewing import view_group
from platoscope.wording import listed

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

    from platoscope.cluster import Cluster
    from platoscope.datasets.pairs import Modality
    from platoscope.representations._folder import Folder
    from platoscope.representations._group import StoredGroup
    from platoscope.representations.representations import Representations

__all__ = ["Wanted", "extract", "extract_together", "usual_pooling"]


def extract(
    model: Encoder | str | os.PathLike[str] | object,
    data: object,
    /,
    *,
    side: str = "a",
    pooling: str | Pooling | Sequence[str | Pooling] | None = None,
    store: str | os.PathLike[str] | None = None,
    layers: Sequence[int] | Sequence[str] | None = None,
    check: bool = True,
    progress: ProgressCallback | bool | None = None,
    cluster: Cluster | str | os.PathLike[str] | None = None,
) -> Representations:
    """Read every item with a model and keep its pooled states of every layer on disk.

    What is on disk already is not computed again: an equal request opens it, another pooling of the same
    items in the same model adds an array beside it, and a run that was interrupted goes on after the last
    finished unit (at most 128 items). The batches are fixed by the first run, so that the numbers are the
    same to the last bit however often it was interrupted.

    Parameters
    ----------
    model : Encoder, str, path or object
        A model from `platoscope.models.load_model`; or a `ModelOnDemand`, or a name (which makes one with
        default options): then the weights are not loaded where everything is on disk. Or a `torch.nn.Module` that takes
        arrays, whose `layers` are named.
    data : Pairs, Side, sequence, str, path or table
        What to read; of pairs one side. A sequence is of texts, images or arrays, whichever the model reads. A name, a path
        or a table (a DataFrame, a `datasets.Dataset`) is pairs, as `platoscope.datasets.load_pairs` takes them.
    side : str, default "a"
        "a" or "b", or the name of a side such as "en". Ignored where `data` is one side already.
    pooling : str, Pooling or sequence of them, optional
        ``"mean(20)"`` by default for texts, ``"mean"`` for images and arrays. All are taken in one pass; the
        result shows the first, `Representations.with_pooling` the others.
    store : path or URL, optional
        Where representations are kept; `open_folder` says where by default.
    layers : sequence of int or str, optional
        Keep these layers only (0 is the embedding output, negative numbers count from the last), or those of these names
        where layers have names; all by default. Keeping all costs disk, not time.
    check : bool, default True
        Verify the checksums of all that is reused, which reads it once, and compute damaged units again.
    progress : bool or callable, optional
        True shows a bar, in a terminal or a notebook; a function is called after every batch as
        ``progress(done_items, total_items, tokens_per_second)``.
    cluster : Cluster, str or path, optional
        Who reads, as `platoscope.cluster.open_cluster` takes or gives it; this process by default. Workers load the model
        by its name and must see the store; the states are the same.

    Returns
    -------
    Representations
        float32, rows in the order of the items, with the ids of the pairs.

    Raises
    ------
    InputError
        If the model does not read this modality, an item is too short for a pooling, a layer does not exist,
        or the model returns something else than asked for (shape, non-finite numbers).
    StorageError
        If the store cannot be written. Finished units are kept.
    ClusterError
        If workers are lost, or see another store or model. Finished units are kept.

    Notes
    -----
    Memory does not grow with the number of items: at most about 64 MiB of each array wait to be written.
    Stored as float32 whatever the model's dtype, as pooling accumulates in float32. Two processes may extract
    the same at the same time: each unit appears in one step and whichever comes last replaces it by an equal
    one.
    """
    wanted = Wanted(model, data, side=side, pooling=pooling, layers=layers)
    return extract_together([wanted], store=store, check=check, progress=progress, cluster=cluster)[0]


@dataclass(frozen=True)
class Wanted:
    """What `extract` is asked for; its parameters say what each is."""

    model: Encoder | str | os.PathLike[str] | object
    data: object
    side: str = field(default="a", kw_only=True)
    pooling: str | Pooling | Sequence[str | Pooling] | None = field(default=None, kw_only=True)
    layers: Sequence[int] | Sequence[str] | None = field(default=None, kw_only=True)


def extract_together(
    wanted: Sequence[Wanted],
    /,
    *,
    store: str | os.PathLike[str] | None = None,
    check: bool = True,
    progress: Told = None,
    cluster: Cluster | str | os.PathLike[str] | None = None,
) -> list[Representations]:
    """Extract several times, and read equal items with one model in one pass.

    Parameters
    ----------
    wanted : sequence of Wanted
        One pass serves those of equal items and models on demand that differ in ``drop_last``, ``keep_first``,
        ``clip`` and ``final_norm`` alone.
    store, check, cluster
        As in `extract`.
    progress : bool, callable or Progress, optional
        As in `extract`; a `Progress` has a stage for each pass that is made, named after side and model.

    Returns
    -------
    list of Representations
        In the order of `wanted`; equal to what `extract` gives, to the last bit.

    Raises
    ------
    InputError, StorageError
        As `extract`.
    """
    flag("check", check)
    if not isinstance(progress, Progress):
        check_progress(progress, "done and total items and tokens per second")
    check_cluster(cluster)
    folder = open_folder(store)
    prepared = [_prepare(folder, each, check=check) for each in wanted]
    passes: dict[object, list[_Prepared]] = {}
    for each in prepared:
        if any(need.units for need in each.job.needs):
            passes.setdefault(each.one_pass, []).append(each)
    with using_cluster(cluster if passes else None) as workers:
        for together in passes.values():
            first, jobs = together[0], _joined([each.job for each in together])
            with _told(progress, f"Reading {first.chosen.side.name} with {first.job.encoder.name}") as tell:
                if workers is None:
                    fill(jobs, first.chosen.side.items, tell)
                else:
                    spread(workers, jobs, first.chosen.side, tell)
    return [
        view_group(each.job.group, pooling=str(each.poolings[0]), ids=each.chosen.ids, layers=each.layers)
        for each in prepared
    ]


@contextmanager
def _told(progress: Told, what: str, /) -> Iterator[ProgressCallback | None]:
    """Give what is called after every batch: a bar for True, nothing for False."""
    if isinstance(progress, Progress):
        yield PassProgress(progress, what)
    elif progress is True:
        with open_bar() as bar:
            yield PassProgress(bar, what)
    else:
        yield progress or None


@dataclass(frozen=True)
class _Chosen:
    """What is read, and what is said about it."""

    side: Side
    ids: tuple[str, ...]
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class _Prepared:
    """An extraction with its place in the store, and what is missing there."""

    chosen: _Chosen
    poolings: tuple[Pooling, ...]
    layers: tuple[int, ...] | None
    job: Job

    @property
    def one_pass(self) -> Hashable:
        """Say what it runs, on which batches of which items."""
        return what_runs(self.job.encoder), self.chosen.side.fingerprint(), self.job.group.attributes["plan"]


def _prepare(folder: Folder, wanted: Wanted, /, *, check: bool) -> _Prepared:
    """Find or make the group of an extraction, and list what it misses."""
    kept = [wanted.layers] if isinstance(wanted.layers, str) else wanted.layers
    encoder = _encoder(wanted.model, kept)
    chosen = _choose(wanted.data, wanted.side, encoder.modality)
    _check_modality(encoder, chosen.side)
    asked = wanted.pooling
    if asked is None:
        asked = usual_pooling(encoder)
    poolings = parse_poolings(asked)
    identity = dict(encoder.provenance)  # asked once: a model in memory is hashed for it
    layers = _layer_numbers(kept, encoder.name, encoder.n_layers, identity.get(LAYER_NAMES))
    group = _find_group(folder, identity, chosen, poolings, layers, check=check)
    if group is None:
        group = _open_or_create(folder, encoder, identity, chosen, layers)
    return _Prepared(chosen, poolings, layers, Job(encoder, group, _needs(group, poolings, check=check)))


def usual_pooling(encoder: Encoder, /) -> str:
    """Return the pooling of a model for which none is asked for: the last 20 tokens of texts, all of images and arrays."""
    return "mean(20)" if encoder.modality == "text" else "mean"


def _joined(jobs: Sequence[Job], /) -> list[Job]:
    """Join the jobs of one group, so that nothing is made twice."""
    by_group: dict[str, list[Job]] = {}
    for job in jobs:
        by_group.setdefault(job.group.key, []).append(job)
    joined = []
    for alike in by_group.values():
        needs = {need.pooling: need for job in alike for need in job.needs}
        joined.append(replace(alike[0], needs=tuple(needs.values())))
    return joined


def _encoder(
    model: Encoder | str | os.PathLike[str] | object, layers: Sequence[int] | Sequence[str] | None
) -> Encoder:
    if isinstance(model, str):
        return ModelOnDemand(model)
    if isinstance(model, Encoder):
        return model
    asked = () if layers is None else sequence("layers", layers, of="layers")
    named = [layer for layer in asked if isinstance(layer, str)]
    return load_model(model, layers=named or None)


def _choose(data: Any, side: str, modality: str) -> _Chosen:
    if isinstance(data, str | PathLike | Mapping) or is_table(data):
        data = load_pairs(data)
    if isinstance(data, Pairs):
        about = {"pairs": data.name, "provenance": dict(data.provenance)}
        chosen = _Chosen(data.side(side), data.ids, about)
    else:
        items = data if isinstance(data, Side) else Side("items", cast("Modality", modality), data)
        chosen = _Chosen(items, tuple(str(i) for i in range(len(items))), {})
    if not chosen.ids:
        message = "data is empty; expected at least one item."
        raise InputError(message)
    return chosen


def _check_modality(encoder: Encoder, side: Side) -> None:
    if encoder.modality != side.modality:
        message = (
            f"Model {encoder.name!r} reads {encoder.modality}, but side {side.name!r} of the data is "
            f"{side.modality}. Choose the other side, or a model of that modality."
        )
        raise InputError(message)


def _layer_numbers(
    layers: Sequence[int] | Sequence[str] | None, model: str, n_layers: int, names: Sequence[str] | None
) -> tuple[int, ...] | None:
    """Give the numbers of the layers that are asked for; None for all."""
    if layers is None:
        return None
    layers = sequence("layers", layers, of="layers")
    if names is not None and list(layers) == list(names):
        return None
    unknown = next((layer for layer in layers if isinstance(layer, str) and layer not in (names or ())), None)
    if unknown is not None:
        known = f"are called {listed(names)}" if names else f"have numbers, 0 to {n_layers - 1}"
        message = f"this model has no layer {unknown!r}; its layers {known}."
        raise NotFoundError(message)
    asked = [names.index(layer) if names and isinstance(layer, str) else layer for layer in layers]
    numbers = whole_numbers("layers", asked)
    check_layers(numbers, n_layers, model)
    return tuple(sorted({number % n_layers for number in numbers}))


def _find_group(
    folder: Folder,
    identity: Mapping[str, Any],
    chosen: _Chosen,
    poolings: Sequence[Pooling],
    layers: tuple[int, ...] | None,
    *,
    check: bool,
) -> StoredGroup | None:
    """Find a group with all layers: it serves where it has the poolings, whichever layers are asked for."""
    key = group_key(chosen.side.fingerprint(), identity, None)
    group = find_group(folder, key)
    if group is None or layers is None:
        return group
    complete = not any(need.units for need in _needs(group, poolings, check=check))
    return group if complete else None


def _open_or_create(
    folder: Folder,
    encoder: Encoder,
    identity: Mapping[str, Any],
    chosen: _Chosen,
    layers: tuple[int, ...] | None,
) -> StoredGroup:
    side = chosen.side
    numbers = range(encoder.n_layers) if layers is None else layers
    key = group_key(side.fingerprint(), identity, layers)
    group = find_group(folder, key)
    if group is not None:
        return group
    lengths = np.asarray(encoder.lengths(side.items), np.int64)
    widths = encoder.widths_of(side.items) if hasattr(encoder, "widths_of") else None
    return create_group(
        folder,
        key,
        batches=Batches.from_items(encoder.batches(lengths)),
        lengths=lengths,
        layers=numbers,
        depth=encoder.n_layers - 1,
        n_features=encoder.n_features if widths is None else max(widths),
        layer_widths=None if widths is None else [widths[number] for number in numbers],
        ids=chosen.ids,
        data={
            "side": side.name,
            "modality": side.modality,
            "fingerprint": side.fingerprint(),
            "truncated": _count_truncated(lengths, encoder.max_tokens),
            **chosen.provenance,
        },
        model={"name": encoder.name, **identity},
    )


def _count_truncated(lengths: NDArray[np.int64], max_tokens: int | None) -> int:
    """Count the items that are longer than the model reads (CLIP's text tower: 77 tokens)."""
    return 0 if max_tokens is None else int(np.count_nonzero(lengths > max_tokens))


def _needs(group: StoredGroup, poolings: Sequence[Pooling], *, check: bool) -> list[Need]:
    """List for every pooling the units that are absent or, with ``check``, damaged."""
    whole = [array.pooling for array in group.arrays() if not array.missing()]
    needs = []
    for pooling in dict.fromkeys(stored_as(pooling) for pooling in poolings):
        view = find_view(str(pooling), whole)
        served_by = pooling if view is None else Pooling.parse(view.kept)
        array = group.array(served_by)
        absent = range(group.new_array(served_by).n_units) if array is None else array.missing()
        if check and array is not None:
            absent = list(array.problems())
        needs.append(Need(served_by, frozenset(absent)))
    return needs
