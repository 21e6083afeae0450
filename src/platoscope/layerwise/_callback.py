"""The callback behind `follow_training`: it needs torch and transformers, and is imported when there is a Trainer."""

from __future__ import annotations

import json
import random
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import TrainerCallback

from platoscope.checks import in_short
from platoscope.errors import InputError, PlatoscopeWarning, reason_of
from platoscope.layerwise._compare import profile
from platoscope.layerwise._labels import DIRECTIONS, higher_is_similar
from platoscope.layerwise._many import most_similar
from platoscope.models import load_model
from platoscope.models.identity import content_of
from platoscope.models.own import LiveEncoder
from platoscope.representations import extract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platoscope.layerwise._training import FollowedTraining, ReadingPlan
    from platoscope.representations import Representations

__all__ = ["ReadingCallback", "random_numbers_kept"]


class ReadingCallback(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by the type checker
    """Reads the model of a Trainer as it is trained, and logs its best layer; see `follow_training`."""

    def __init__(
        self, trainer: Any, followed: FollowedTraining, plan: ReadingPlan, encoder: object, /
    ) -> None:
        self._trainer = trainer
        self._followed = followed
        self._plan = plan
        self._given = encoder
        self._encoder = self._reader()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure what the training begins with; an error ends it before it has begun."""
        if self._trainer.is_fsdp_enabled or self._trainer.is_deepspeed_enabled:
            message = (
                "the weights of this training may be split over processes (FSDP, DeepSpeed), so that no single one can "
                "read the model. Leave follow_training out, and read the checkpoints that are saved (trajectory)."
            )
            raise InputError(message)
        if not self._is_read_by(self._encoder):
            with random_numbers_kept():
                self._encoder = (
                    self._reader()
                )  # a Trainer with model_init makes another model for each training
        for known in (self._followed.checkpoints, self._followed.failed):
            for step in [step for step in known if step >= state.global_step]:
                del known[step]  # of an earlier training, or of what is done again
        if state.is_world_process_zero:
            self._log(self._measure(state.global_step), control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure at every so many steps, and at the last."""
        if state.global_step % self._plan.every == 0 or state.global_step >= state.max_steps:
            self._try_to_measure(state, control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Measure where something else ends the training early, before its best weights are put back."""
        if control.should_training_stop:
            self._try_to_measure(state, control)

    def _reader(self) -> LiveEncoder:
        """Return what reads the model of the Trainer, and no other."""
        encoder = self._given
        if encoder is None:
            encoder = load_model(self._trainer.model, self._trainer.processing_class)
        if not isinstance(encoder, LiveEncoder):
            message = (
                "encoder must be what platoscope.load_model(trainer.model, …) gives of the model in memory; "
                f"got {in_short(encoder)}."
            )
            raise InputError(message)
        if not self._is_read_by(encoder):
            message = (
                f"encoder reads another {type(encoder.model).__name__} than the one that the Trainer trains."
            )
            raise InputError(message)
        return encoder

    def _is_read_by(self, encoder: LiveEncoder) -> bool:
        return any(part is encoder.model for part in self._trainer.model.modules())

    def _try_to_measure(self, state: Any, control: Any) -> None:
        """Measure, and go on with the training where that fails: it is worth more than one measurement."""
        step, followed = state.global_step, self._followed
        if not state.is_world_process_zero or step in followed.checkpoints or step in followed.failed:
            return
        try:
            found = self._measure(step)
        except _ModelChangedError:
            raise
        except Exception as error:
            followed.failed[step] = reason_of(error)
            message = f"Step {step} was not measured, and the training goes on: {reason_of(error)}."
            warnings.warn(message, PlatoscopeWarning, stacklevel=2)
        else:
            self._log(found, control)

    def _measure(self, step: int) -> dict[str, float]:
        """Read the model, keep what it made of the items, and return what is logged."""
        plan = self._plan
        with random_numbers_kept():
            states = extract(self._encoder, plan.data, side=plan.side, pooling=plan.pooling, store=plan.store)
            self._require_unchanged(states, step)
            found = self._best(states)
        self._followed.checkpoints[step] = states
        return found

    def _log(self, found: dict[str, float], control: Any) -> None:
        # To log something sets this back, and the loss of the step would be left out of the log.
        due = control.should_log
        self._trainer.log(found)
        control.should_log = due

    def _require_unchanged(self, states: Representations, step: int) -> None:
        if content_of(self._encoder.model) != states.provenance["model"]["content"]:
            message = (
                f"Reading the model at step {step} changed it, though it was in evaluation mode: some module of it keeps "
                "what it sees. Its training would not be what it is without follow_training, and was ended."
            )
            raise _ModelChangedError(message)

    def _best(self, states: Representations) -> dict[str, float]:
        """Return the value of the best layer in each direction, and which layer it is."""
        plan = self._plan
        result = profile(states, self._followed.reference, match=plan.match, options=plan.options, rng=0)
        (name,) = json.loads(result.attrs["measures"])
        values = result[name]
        directed = "direction" in values.dims
        found: dict[str, float] = {}
        for way in DIRECTIONS if directed else ("",):
            line = values.sel(direction=way).values if directed else values.values
            (place,) = most_similar(line, higher_is_similar(result, name) is not False)
            key = f"{name}_{way}".rstrip("_")
            found |= {key: float(line[place]), f"{key}_layer": int(result["layer"].values[place])}
        return found


class _ModelChangedError(InputError):
    """Reading left its trace in the model."""


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Give Python's, NumPy's and torch's global random numbers back as they were, those of CUDA devices included."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # what a training draws from
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
