"""Two models in one call: choose the items, read them, compare layer by layer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from platoscope.checks import flag, in_short, whole_number
from platoscope.datasets import Pairs, Side, load_pairs
from platoscope.datasets.filters import clean, filter_lengths
from platoscope.errors import InputError
from platoscope.layerwise._compare import check_names, fresh_seed, profile
from platoscope.measures import with_keywords
from platoscope.models import Encoder, ModelOnDemand, Pooling, Shelf, load_model, name_of
from platoscope.progress import SILENT, PassProgress, StageTeller, open_bar
from platoscope.representations import Representations, extract

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.measures import ComparisonOptions, Measure, SideName
    from platoscope.neighbors import OwnMetric, Transform
    from platoscope.progress import Progress

__all__ = ["TwoReadings", "compare_models", "read_models"]

_NO_LIMIT = 1 << 40


@dataclass(frozen=True)
class TwoReadings:
    """What two models made of the same items.

    Parameters
    ----------
    a, b : Representations
        Row i of both is about pair i.
    names : (str, str)
        What they are called.
    strata : tuple of str or None
        The group of each pair, where it was asked for.
    """

    a: Representations
    b: Representations
    names: tuple[str, str]
    strata: tuple[str, ...] | None


def compare_models(
    a: Any,
    b: Any,
    data: Any,
    /,
    *,
    side: str | None = None,
    pooling: str | Pooling | Mapping[SideName, str | Pooling] = "mean(20)",
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
    within_strata: bool = False,
    names: Sequence[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    rng: int | None = None,
    progress: bool = False,
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
    pooling : str, Pooling or mapping
        See `platoscope.models.Pooling`; ``{"a": "last", "b": "mean"}`` for each side its own.
    n : int, optional
        So many items at random; all by default.
    min_tokens, max_tokens : int, optional
        Leave out pairs of which a text is shorter or longer, counted by the model that reads it.
    match : {"relative_depth", "index"}
        Each layer of A with the layer of B nearest in relative depth, or layer l with layer l; the same where both
        have as many layers.
    options, measures, transform, n_neighbors, metric, n_resamples, n_permutations
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
    It is `load_pairs`, `extract` twice, and `profile`; each of these has more options.

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
            a, b, data, side=side, pooling=pooling, n=n, min_tokens=min_tokens, max_tokens=max_tokens, seed=seed,
            within_strata=within_strata, names=names, store=store, progress=shown,
        )  # fmt: skip
        return profile(
            read.a, read.b, match=match, options=chosen, names=read.names, rng=seed,
            strata=read.strata, progress=StageTeller(shown),
        )  # fmt: skip


def read_models(
    a: Any,
    b: Any,
    data: Any,
    /,
    *,
    side: str | None = None,
    pooling: str | Pooling | Mapping[SideName, str | Pooling] = "mean(20)",
    n: int | None = None,
    min_tokens: int | None = None,
    max_tokens: int | None = None,
    seed: int = 0,
    within_strata: bool = False,
    names: Sequence[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> TwoReadings:
    """Read side a of pairs with one model and side b with another.

    Parameters
    ----------
    a, b, data, side, pooling, n, min_tokens, max_tokens, within_strata, names, store
        As in `compare_models`.
    seed : int
        Of the choice of items.
    progress : Progress
        Told of loading and reading.

    Raises
    ------
    InputError, NotFoundError, MissingExtraError, StorageError
        As `compare_models`.
    """
    called = None if names is None else check_names(names)
    shelf = Shelf(progress)
    models = (_reader(a, shelf), _reader(b, shelf))
    poolings = _poolings(pooling)
    pairs = _pairs(data, side)
    _refuse_itself(models, pairs, poolings)
    if within_strata:
        _require_strata(pairs)
    pairs = _choose(pairs, models, n=n, limits=(min_tokens, max_tokens), seed=seed)
    read = [
        extract(
            model,
            pairs,
            side=where,
            pooling=way,
            store=store,
            progress=PassProgress(progress, f"Reading {pairs.side(where).name} with {model.name}"),
        )
        for model, where, way in zip(models, ("a", "b"), poolings, strict=True)
    ]
    called = called or _names(models, pairs, poolings)
    return TwoReadings(read[0], read[1], called, pairs.strata if within_strata else None)


def _require_strata(pairs: Pairs, /) -> None:
    if pairs.strata is None:
        message = (
            f"the pairs {pairs.name!r} have no strata to permute within. Give them some (a column 'stratum' of a table, "
            "or Pairs(strata=...)), or permute among all items."
        )
        raise InputError(message)


def _reader(model: Any, shelf: Shelf, /) -> Encoder:
    """Return what reads: a model that is given by its name is loaded when it first has to."""
    if isinstance(model, str | os.PathLike):
        return ModelOnDemand(os.fspath(model), shelf=shelf)
    if isinstance(model, ModelOnDemand | Encoder):
        return model
    return load_model(model)


def _pairs(data: Any, side: str | None, /) -> Pairs:
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


def _poolings(pooling: Any, /) -> tuple[str | Pooling, str | Pooling]:
    if isinstance(pooling, str | Pooling):
        return pooling, pooling
    if isinstance(pooling, Mapping) and set(pooling) == {"a", "b"}:
        return pooling["a"], pooling["b"]
    message = (
        "pooling must be one for both sides, as 'mean(20)', or name both, as {'a': 'last', 'b': 'mean'}; "
        f"got {in_short(pooling)}."
    )
    raise InputError(message)


def _is_one_text(pairs: Pairs, /) -> bool:
    return pairs.a is pairs.b or pairs.a.fingerprint() == pairs.b.fingerprint()


def _refuse_itself(models: tuple[Encoder, Encoder], pairs: Pairs, poolings: tuple[Any, Any], /) -> None:
    """Refuse to compare what can only be the same on both sides."""
    if models[0] == models[1] and str(poolings[0]) == str(poolings[1]) and _is_one_text(pairs):
        message = (
            f"both sides would be the same: {models[0].name!r} reading {pairs.a.name!r} of {pairs.name!r} twice. Give two "
            "models, pairs of two sides, or a pooling for each side."
        )
        raise InputError(message)


def _choose(
    pairs: Pairs,
    models: tuple[Encoder, Encoder],
    /,
    *,
    n: int | None,
    limits: tuple[int | None, int | None],
    seed: int,
) -> Pairs:
    """Keep the pairs within the limits, and draw so many of them."""
    low, high = (
        None if limit is None else whole_number(name, limit, low=1)
        for name, limit in zip(("min_tokens", "max_tokens"), limits, strict=True)
    )
    if low is not None or high is not None:
        lengths = [
            model.lengths(read.items) if read.modality == "text" else None
            for model, read in zip(models, (pairs.a, pairs.b), strict=True)
        ]
        if lengths[0] is None and lengths[1] is None:
            message = "min_tokens and max_tokens are about texts, and both sides are images; leave them out."
            raise InputError(message)
        pairs = filter_lengths(pairs, *lengths, minimum=low or 0, maximum=_NO_LIMIT if high is None else high)
    return pairs if n is None or n == len(pairs) else pairs.sample(n, seed)


def _names(
    models: tuple[Encoder, Encoder], pairs: Pairs, poolings: tuple[str | Pooling, str | Pooling], /
) -> tuple[str, str]:
    """Name both sides after what they differ in: models, sides of the pairs, or else poolings."""
    among = [model.name for model in models]
    a, b = (name_of(name, among) for name in among)
    different = [("model", a != b), ("side", pairs.a.name != pairs.b.name)]
    differ = {what for what, differs in different if differs}
    if differ == {"side"}:
        return pairs.a.name, pairs.b.name
    if differ == {"model"}:
        return a, b
    apart = (pairs.a.name, pairs.b.name) if differ else tuple(map(str, poolings))
    return f"{a} {apart[0]}", f"{b} {apart[1]}"
