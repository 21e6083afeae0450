"""Checkpoints of one model on the same items: what `trajectory` compares, from their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platoscope.layerwise._evaluating import check_names
from platoscope.layerwise._models import as_pairs, is_one_text, read_models
from platoscope.layerwise._trajectory import steps_of
from platoscope.progress import SILENT

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from platoscope.cluster import Cluster
    from platoscope.measures import SideName
    from platoscope.models import Pooling
    from platoscope.progress import Progress
    from platoscope.representations import Representations

__all__ = ["CheckpointReadings", "read_checkpoints"]


@dataclass(frozen=True)
class CheckpointReadings:
    """What the checkpoints of a model made of the same items, and what they are compared with.

    Parameters
    ----------
    checkpoints : dict of step to Representations
        In increasing order.
    reference : Representations, dict of step to Representations, or None
        As `platoscope.layerwise.trajectory` takes it.
    names : (str, str)
        What both are called.
    strata : tuple of str or None
        The group of each pair, where it was asked for.
    """

    checkpoints: dict[float, Representations]
    reference: Representations | dict[float, Representations] | None
    names: tuple[str, ...]
    strata: tuple[str, ...] | None


def read_checkpoints(
    checkpoints: Mapping[Any, Any],
    data: Any,
    /,
    *,
    reference: Any = None,
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
) -> CheckpointReadings:
    """Read items with each checkpoint of a model, and with what the checkpoints are compared with.

    Every checkpoint reads side a of the pairs. A `reference` model reads side b, or the one text that there is. Without a
    reference each checkpoint reads side b as well, so that two languages are followed over the training; of one text the
    last checkpoint is the reference.

    Parameters
    ----------
    checkpoints : mapping of step to str, path, Encoder, or what `platoscope.models.load_model` takes
        At least two, by numbers.
    reference : str, path, Encoder, or what `platoscope.models.load_model` takes, optional
        Another model.
    data, side, pooling, n, min_tokens, max_tokens, within_strata, store
        As in `platoscope.compare_models`; a text is within the limits where all models that read it count so.
    seed : int
        Of the choice of items.
    names : (str, str), optional
        What the checkpoints and their reference are called.
    progress : Progress
        Told of loading and reading.
    cluster : Cluster, str or path, optional
        Who reads, as in `platoscope.extract`.

    Returns
    -------
    CheckpointReadings
        ``trajectory(read.checkpoints, read.reference, names=read.names)``.

    Raises
    ------
    InputError, NotFoundError, MissingExtraError, StorageError
        As `platoscope.compare_models`; fewer than two checkpoints, or steps that are no numbers.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from platoscope.layerwise import trajectory
    >>> from platoscope.testing.models import save_tiny_model
    >>> texts = [" ".join(str(i * k % 61) for k in range(1, 12)) for i in range(60)]
    >>> with TemporaryDirectory() as folder:
    ...     steps = {step: save_tiny_model("llama", Path(folder, str(step)), seed=step) for step in (0, 500)}
    ...     read = read_checkpoints(steps, texts, pooling="mean", store=f"{folder}/store")
    ...     found = trajectory(read.checkpoints, read.reference, names=read.names, n_resamples=0)
    >>> found.sizes["step"], found.attrs["name_b"]
    (2, 'last checkpoint')
    """
    steps = steps_of(checkpoints)
    called = None if names is None else check_names(names)
    models = [checkpoints[step] for step in steps]
    sides: list[SideName] = ["a"] * len(models)
    pairs = as_pairs(data, side)
    if reference is not None:
        models.append(reference)
        sides.append("b")
    elif not is_one_text(pairs):
        models += models
        sides += ["b"] * len(steps)
    read = read_models(
        models, pairs, sides=sides, pooling=pooling, n=n, min_tokens=min_tokens, max_tokens=max_tokens, seed=seed,
        within_strata=within_strata, store=store, progress=progress, cluster=cluster,
    )  # fmt: skip
    first, others = read.stacks[: len(steps)], read.stacks[len(steps) :]
    beside: Representations | dict[float, Representations] | None = None
    if reference is not None:
        (beside,) = others
        default = ("checkpoint", read.names[-1])
    elif others:
        beside = dict(zip(steps, others, strict=True))
        default = (pairs.a.name, pairs.b.name)
    else:
        default = ("checkpoint", "last checkpoint")
    return CheckpointReadings(dict(zip(steps, first, strict=True)), beside, called or default, read.strata)
