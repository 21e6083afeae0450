"""A model while a Trainer of transformers trains it: read every few steps, and compared with a reference."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from platoscope.checks import in_short, is_of, one_of, whole_number, word
from platoscope.errors import InputError
from platoscope.layerwise._compare import of_one_measure
from platoscope.layerwise._layer_stack import LayerStack, as_stack
from platoscope.models import Encoder, Pooling
from platoscope.representations import Representations, extract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.datasets import Pairs, Side
    from platoscope.measures import ComparisonOptions, Measure

__all__ = ["FollowedTraining", "ReadingPlan", "follow_training"]


@dataclass(frozen=True, eq=False)
class FollowedTraining:
    """What was read of a model while it was trained; `follow_training` returns it, and the training fills it.

    Attributes
    ----------
    checkpoints : dict of int to Representations
        By step what the model made of the items: ``trajectory(followed.checkpoints, followed.reference)``.
    reference : LayerStack
        What it is compared with.
    failed : dict of int to str
        By step why it could not be measured then.
    """

    reference: LayerStack
    checkpoints: dict[int, Representations] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadingPlan:
    """What is read of a model in training, when, and how it is compared; `follow_training` says what each is."""

    data: Pairs | Side | Sequence[Any]
    every: int
    side: str
    pooling: str | Pooling | None
    match: Literal["index", "relative_depth"]
    options: ComparisonOptions
    store: str | os.PathLike[str] | None


def follow_training(
    trainer: Any,
    reference: Any,
    data: Pairs | Side | Sequence[Any],
    /,
    *,
    every: int,
    side: str = "a",
    pooling: str | Pooling | None = None,
    encoder: Encoder | None = None,
    match: Literal["index", "relative_depth"] = "relative_depth",
    measure: str | Measure = "information_imbalance",
    options: ComparisonOptions | None = None,
    store: str | os.PathLike[str] | None = None,
) -> FollowedTraining:
    """Measure, every few steps of a training, how the layers of the model stand to a reference.

    A callback is added to the Trainer. At the first step, every `every` steps and at the last one the model reads the
    items, and the value of its best layer (the one that says most similar) goes into the Trainer's log, in both
    directions: ``information_imbalance_a_to_b``, and ``information_imbalance_a_to_b_layer`` for the layer. A is the
    model in training, B the reference.

    Parameters
    ----------
    trainer : transformers.Trainer
        Before its `train`.
    reference : Encoder, str, path, or stack of layers
        Another model, which reads the same items once; or what is there already, such as what `platoscope.extract`
        returned, of the same items. ``platoscope.load_model(trainer.model, trainer.processing_class)`` is the model as it
        is now, before the training.
    data : Pairs, Side or sequence
        The items, as for `platoscope.extract`; of pairs one side.
    every : int
        Steps of the optimizer between two measurements.
    side : str
        "a", "b" or the name of a side of pairs; both models read it.
    pooling : str or Pooling, optional
        As for `platoscope.extract`.
    encoder : Encoder, optional
        How the model in training is read: ``platoscope.load_model(trainer.model, tokenizer, clip=0.05)``, or with
        ``layers=[…]`` for any `torch.nn.Module`. By default ``load_model(trainer.model, trainer.processing_class)``.
    match : {"relative_depth", "index"}
        Each layer with the layer of the reference nearest in relative depth, or layer l with layer l.
    measure : str or Measure
        What is logged.
    options : ComparisonOptions, optional
        Transform, metric and neighbors of what is logged; no intervals and nulls are computed for it.
    store : path or URL, optional
        Where the states of every measurement are kept, as in `platoscope.extract`: 4 bytes per item, layer and feature.

    Returns
    -------
    FollowedTraining
        Filled as the training goes on.

    Raises
    ------
    InputError
        Something else than a Trainer, an encoder of another model, an argument out of its range. Otherwise as
        `platoscope.extract`.

    Warns
    -----
    PlatoscopeWarning
        A later measurement failed: the training goes on, and the step is in `FollowedTraining.failed`.

    Notes
    -----
    The training is that of a Trainer without the callback, bit for bit: the model is read in evaluation mode without
    gradients and is back in training afterwards, and the random numbers of Python, NumPy and torch (CPU and CUDA) go on
    where they were. The weights are hashed twice for each measurement. Where the reading changed the model all the same
    (a module that learns in evaluation mode), an `InputError` ends the training. What the first measurement cannot do
    ends it as well, before its first step.

    Only the first process of several measures. A training whose weights are split over processes (FSDP, DeepSpeed) is
    refused: read the checkpoints that it writes (`trajectory`). A training that was resumed is measured from there on.

    Examples
    --------
    >>> followed = follow_training(trainer, "gemma-3-270m", texts, every=500)  # doctest: +SKIP
    >>> trainer.train()  # doctest: +SKIP
    >>> result = trajectory(followed.checkpoints, followed.reference)  # doctest: +SKIP
    """
    whole_number("every", every, low=1)
    one_of("match", match, ("index", "relative_depth"))
    word("side", side)
    chosen = of_one_measure(measure, options)
    if pooling is not None and not isinstance(pooling, Pooling):
        Pooling.parse(pooling)
    if not is_of(trainer, {("transformers", "Trainer")}):
        message = f"trainer must be a Trainer of transformers; got {in_short(trainer)}."
        raise InputError(message)
    plan = ReadingPlan(data, every, side, pooling, match, chosen, store)
    # Loaded by name: it imports torch and transformers.
    callbacks = importlib.import_module("platoscope.layerwise._callback")
    with callbacks.random_numbers_kept():
        followed = FollowedTraining(_reference(reference, data, side=side, pooling=pooling, store=store))
        trainer.add_callback(callbacks.ReadingCallback(trainer, followed, plan, encoder))
    return followed


def _reference(
    reference: Any,
    data: Pairs | Side | Sequence[Any],
    *,
    side: str,
    pooling: str | Pooling | None,
    store: str | os.PathLike[str] | None,
) -> LayerStack:
    """Return what the model is compared with; a model reads the items now."""
    if isinstance(reference, str | os.PathLike | Encoder):
        model = os.fspath(reference) if isinstance(reference, os.PathLike) else reference
        return extract(model, data, side=side, pooling=pooling, store=store)
    if is_of(reference, {("torch", "Module")}):
        message = (
            f"reference is a {type(reference).__name__}, and how it reads the items is not known; give "
            "platoscope.load_model(reference, its tokenizer or image processor)."
        )
        raise InputError(message)
    return as_stack(reference, "reference")
