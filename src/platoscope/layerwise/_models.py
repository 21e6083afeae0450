"""Two models in one call: choose the items, read them, compare layer by layer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from platoscope.checks import flag, in_short, listing, one_of, whole_number
from platoscope.datasets import Pairs, Side, load_pairs
from platoscope.datasets.filters import clean, filter_lengths
from platoscope.errors import InputError
from platoscope.layerwise._compare import profile
from platoscope.layerwise._evaluating import check_names
from platoscope.measures import with_keywords
from platoscope.models import Encoder, ModelOnDemand, Pooling, Shelf, load_model, name_of
from platoscope.progress import SILENT, StageTeller, open_bar
from platoscope.representations import Representations, Wanted, extract_together
from platoscope.representations.extraction import usual_pooling
from platoscope.seeds import fresh_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.measures import ComparisonOptions, Measure, SideName
    from platoscope.neighbors import OwnMetric, Transform
    from platoscope.progress import Progress

__all__ = ["ModelReadings", "as_pairs", "compare_models", "is_one_text", "read_models"]

_NO_LIMIT = 1 << 40


@dataclass(frozen=True)
class ModelReadings:
    """What models made of the same items.

    Parameters
    ----------
    stacks : tuple of Representations
        One for each model; row i of all is about pair i.
    names : tuple of str
        What they are called.
    strata : tuple of str or None
        The group of each pair, where it was asked for.
    """

    stacks: tuple[Representations, ...]
    names: tuple[str, ...]
    strata: tuple[str, ...] | None


def compare_models(
    a: Any,
    b: Any,
    data: Any,
    /,
    *,
    side: str | None = None,
    pooling: str | Pooling | Mapping[SideName, str | Pooling] | None = None,
    n: int | None = None,
    min_tokens: int | None = None,
    max_tokens: int | None = None,
    match: Literal["index", "relative_depth"] = "relative_depth",
    options: ComparisonOptions | None = None,
    measures: str | Measure | Sequence[str | Measure] | None = None,
    transform: Transform | None = None,
    n_neighbors: int | None = None,
    metric: str | OwnMetric | None = None,
    n_resamples: int | None = None,
    n_permutations: int | None = None,
    items: bool | None = None,
    within_strata: bool = False,
    names: Sequence[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    rng: int | None = None,
    progress: bool = False,
    cluster: Cluster | str | os.PathLike[str] | None = None,
) -> xr.Dataset:
    """Compare two models layer by layer, from their names: `a` reads side a of the pairs, and `b` reads side b.

    So one model on both sides of pairs of sentences (``compare_models(model, model, "bible:en-it")``) shows which layers
    share what the two languages say, and two models on one text (``compare_models(one, other, "same:bible:en")``, a list of
    texts, or pairs with ``side="en"``) show which layers of both models agree. With two models *and* two languages, both
    differ; each side is then named after both.

    Parameters
    ----------
    a, b : str, path, Encoder, or what `platoscope.models.load_model` takes
        The models. One that is given by its name is loaded only where something has to be read.
    data : str, Pairs, Side, list of str, or what `platoscope.datasets.load_pairs` takes
        The items. A `Side`, or a list of texts, is read by both models.
    side : str, optional
        "a", "b" or the name of a side: both models read that side.
    pooling : str, Pooling or mapping, optional
        See `platoscope.models.Pooling`; ``{"a": "last", "b": "mean"}`` for each side its own. By default as in
        `platoscope.extract`: ``"mean(20)"`` for texts, ``"mean"`` for images and arrays.
    n : int, optional
        So many items at random; all by default.
    min_tokens, max_tokens : int, optional
        Leave out pairs of which a text is shorter or longer, counted by the model that reads it.
    match : {"relative_depth", "index"}
        Each layer of A with the layer of B nearest in relative depth, or layer l with layer l; the same where both
        have as many layers.
    options, measures, transform, n_neighbors, metric, n_resamples, n_permutations, items
        As in `platoscope.profile`.
    within_strata : bool
        Permute only within the groups of the pairs (book, class), which they must have.
    names : (str, str), optional
        What the sides are called; by default after the models, the sides of the pairs, or both.
    store : path or URL, optional
        Where representations are kept and found again, as in `platoscope.extract`.
    rng : int or None
        Seed of the choice of items, of subsamples and permutations.
    progress : bool
        Whether bars are shown, in a terminal or a notebook.
    cluster : Cluster, str or path, optional
        Who reads, as in `platoscope.extract`.

    Returns
    -------
    xarray.Dataset
        What `platoscope.profile` returns.

    Raises
    ------
    InputError
        Items that a model does not read or that are too few, the same model reading the same items twice, an option out
        of its range.
    NotFoundError, MissingExtraError, StorageError
        As `platoscope.models.load_model`, `platoscope.datasets.load_pairs` and `platoscope.extract`.

    Notes
    -----
    It is `load_pairs`, `extract`, and `profile`; each of these has more options. One model that reads one text under two
    poolings reads it in one pass.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from platoscope.testing.models import save_tiny_model
    >>> with TemporaryDirectory() as folder:
    ...     model = save_tiny_model("llama", Path(folder, "tiny"))
    ...     texts = [" ".join(str(i * k % 61) for k in range(1, 12)) for i in range(60)]
    ...     result = compare_models(
    ...         model, model, texts, pooling={"a": "mean(5)", "b": "mean"}, n_resamples=0, rng=0, store=f"{folder}/store"
    ...     )
    >>> result.sizes["layer"], result.attrs["name_a"], result.attrs["name_b"]
    (4, 'tiny mean(5)', 'tiny mean')
    """
    chosen = with_keywords(options, locals())
    flag("progress", progress)
    seed = fresh_seed() if rng is None else rng
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(open_bar()) if progress else SILENT
        read = read_models(
            (a, b), data, side=side, pooling=pooling, n=n, min_tokens=min_tokens, max_tokens=max_tokens, seed=seed,
            within_strata=within_strata, names=names, store=store, progress=shown, cluster=cluster,
        )  # fmt: skip
        return profile(
            *read.stacks, match=match, options=chosen, names=read.names, rng=seed, strata=read.strata,
            progress=StageTeller(shown),
        )  # fmt: skip


def read_models(
    models: Sequence[Any],
    data: Any,
    /,
    *,
    sides: Sequence[SideName] | None = None,
    side: str | None = None,
    pooling: str | Pooling | Mapping[SideName, str | Pooling] | None = None,
    n: int | None = None,
    min_tokens: int | None = None,
    max_tokens: int | None = None,
    seed: int = 0,
    within_strata: bool = False,
    names: Sequence[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    cluster: Cluster | str | os.PathLike[str] | None = None,
) -> ModelReadings:
    """Read the same items with several models.

    Parameters
    ----------
    models : sequence of str, path, Encoder, or what `platoscope.models.load_model` takes
        At least two.
    sides : sequence of {"a", "b"}, optional
        Which side each model reads. By default of two models the first reads side a and the second side b; more than two
        read one text, which `side` says or both sides are.
    data, side, pooling, n, min_tokens, max_tokens, within_strata, names, store
        As in `compare_models`; a text is within the limits where all models that read it count so.
    seed : int
        Of the choice of items.
    progress : Progress
        Told of loading and reading.
    cluster : Cluster, str or path, optional
        Who reads, as in `platoscope.extract`.

    Raises
    ------
    InputError, NotFoundError, MissingExtraError, StorageError
        As `compare_models`.
    """
    given = listing("models", models, of="models")
    if len(given) < 2:
        message = f"models must be at least two; got {in_short(models)}."
        raise InputError(message)
    flag("within_strata", within_strata)
    called = None if names is None else check_names(names, len(given))
    by_side = dict(zip("ab", _poolings(pooling), strict=True))
    pairs = as_pairs(data, side)
    where = _sides(sides, len(given), pairs)
    encoders = _readers(given, Shelf(progress))
    readings = [
        _Reading(model, at, usual_pooling(model) if by_side[at] is None else by_side[at])
        for model, at in zip(encoders, where, strict=True)
    ]
    if sides is None:
        _refuse_itself(readings, pairs)
    if within_strata:
        _require_strata(pairs)
    pairs = _choose(pairs, readings, n=n, limits=(min_tokens, max_tokens), seed=seed)
    wanted = [Wanted(each.model, pairs, side=each.side, pooling=each.pooling) for each in readings]
    stacks = extract_together(wanted, store=store, progress=progress, cluster=cluster)
    return ModelReadings(
        tuple(stacks), called or _names(readings, pairs), pairs.strata if within_strata else None
    )


@dataclass(frozen=True)
class _Reading:
    """A model, the side that it reads, and what stands for an item."""

    model: Encoder
    side: SideName
    pooling: str | Pooling


def _sides(sides: Sequence[SideName] | None, n_models: int, pairs: Pairs, /) -> tuple[SideName, ...]:
    """Return which side each model reads."""
    if sides is not None:
        chosen: tuple[SideName, ...] = listing("sides", sides, of="'a' or 'b', one for each model")
        for each in chosen:
            one_of("each of sides", each, ("a", "b"))
        if len(chosen) != n_models:
            message = f"sides must say one for each of the {n_models} models; got {len(chosen)}."
            raise InputError(message)
        return chosen
    if n_models == 2:
        return "a", "b"
    if not is_one_text(pairs):
        message = (
            f"{n_models} models are compared over one text or image, and {pairs.name!r} has two sides; say which one they "
            f"read, as side={pairs.a.name!r}."
        )
        raise InputError(message)
    one: SideName = "a"
    return (one,) * n_models


def _require_strata(pairs: Pairs, /) -> None:
    if pairs.strata is None:
        message = (
            f"the pairs {pairs.name!r} have no strata to permute within. Give them some (a column 'stratum' of a table, "
            "or Pairs(strata=...)), or permute among all items."
        )
        raise InputError(message)


def _readers(models: Sequence[Any], shelf: Shelf, /) -> list[Encoder]:
    """Return what reads; one object that is given twice is one model."""
    made: dict[int, Encoder] = {}
    for model in models:
        if id(model) not in made:
            made[id(model)] = _reader(model, shelf)
    return [made[id(model)] for model in models]


def _reader(model: Any, shelf: Shelf, /) -> Encoder:
    """Return what reads: a model that is given by its name is loaded when it first has to."""
    if isinstance(model, str | os.PathLike):
        return ModelOnDemand(os.fspath(model), shelf=shelf)
    if isinstance(model, ModelOnDemand | Encoder):
        return model
    return load_model(model)


def as_pairs(data: Any, side: str | None, /) -> Pairs:
    """Return the pairs, of which both sides are one where one side is read by both models."""
    if isinstance(data, list | tuple) and all(isinstance(item, str) for item in data):
        data = Side("texts", "text", data)
    if isinstance(data, Side):
        if side is not None:
            message = (
                f"side={side!r} is for pairs of two sides; the data are one side, which both models read."
            )
            raise InputError(message)
        return clean(Pairs(data.name, data, data), keep_duplicates=False)
    pairs = data if isinstance(data, Pairs) else load_pairs(data)
    if side is None:
        return pairs
    read = pairs.side(side)
    return replace(pairs, a=read, b=read)


def _poolings(pooling: Any, /) -> tuple[Any, Any]:
    if pooling is None or isinstance(pooling, str | Pooling):
        return pooling, pooling
    if isinstance(pooling, Mapping) and set(pooling) == {"a", "b"}:
        return pooling["a"], pooling["b"]
    message = (
        "pooling must be one for both sides, as 'mean(20)', or name both, as {'a': 'last', 'b': 'mean'}; "
        f"got {in_short(pooling)}."
    )
    raise InputError(message)


def is_one_text(pairs: Pairs, /) -> bool:
    """Say whether both sides hold the same."""
    return pairs.a is pairs.b or pairs.a.fingerprint() == pairs.b.fingerprint()


def _refuse_itself(readings: Sequence[_Reading], pairs: Pairs, /) -> None:
    """Refuse to compare what can only be the same on both sides."""
    one_text = is_one_text(pairs)
    for first, second in combinations(readings, 2):
        same_items = one_text or first.side == second.side
        if first.model == second.model and str(first.pooling) == str(second.pooling) and same_items:
            message = (
                f"both sides would be the same: {first.model.name!r} reading {pairs.side(first.side).name!r} of "
                f"{pairs.name!r} twice. Give each model once, pairs of two sides, or a pooling for each side."
            )
            raise InputError(message)


def _choose(
    pairs: Pairs,
    readings: Sequence[_Reading],
    /,
    *,
    n: int | None,
    limits: tuple[int | None, int | None],
    seed: int,
) -> Pairs:
    """Keep the pairs within the limits, and draw so many of them."""
    if n is not None:
        whole_number("n", n, low=1)
    low, high = (
        None if limit is None else whole_number(name, limit, low=1)
        for name, limit in zip(("min_tokens", "max_tokens"), limits, strict=True)
    )
    if low is not None or high is not None:
        texts = [each for each in readings if pairs.side(each.side).modality == "text"]
        if not texts:
            message = "min_tokens and max_tokens are about texts, and both sides are images; leave them out."
            raise InputError(message)
        for each in texts:
            lengths = each.model.lengths(pairs.side(each.side).items)
            of_sides = (lengths, None) if each.side == "a" else (None, lengths)
            pairs = filter_lengths(
                pairs, *of_sides, minimum=low or 0, maximum=_NO_LIMIT if high is None else high
            )
    return pairs if n is None or n == len(pairs) else pairs.sample(n, seed)


def _names(readings: Sequence[_Reading], pairs: Pairs, /) -> tuple[str, ...]:
    """Name all after what they differ in: models, sides of the pairs, or else poolings."""
    among = [each.model.name for each in readings]
    models = [name_of(name, among) for name in among]
    sides = [pairs.side(each.side).name for each in readings]
    if len(set(models)) == 1 and len(set(sides)) == len(sides):
        return tuple(sides)
    apart = models
    if len(set(sides)) > 1:
        apart = [f"{model} {side}" for model, side in zip(models, sides, strict=True)]
    elif len(set(models)) == 1:
        apart = [f"{model} {each.pooling}" for model, each in zip(models, readings, strict=True)]
    return tuple(
        name if apart.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(apart, start=1)
    )
