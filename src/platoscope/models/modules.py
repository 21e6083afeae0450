"""Any `torch.nn.Module`: the outputs of modules that the user names, one layer each. Needs torch.

Nothing is known of such a model but what runs. Which axis of an output holds its features is therefore measured: it is the
one that is as long as the last weights before it say. Where that does not tell, the user is asked. Whether an item has
the same states each time, whatever is beside it, is tried on the first two.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from platoscope.checks import whole_number
from platoscope.datasets import open_image
from platoscope.errors import InputError, NotFoundError, guarded, reason_of
from platoscope.models.blocks import leaving_state
from platoscope.models.encoder import BatchItemError
from platoscope.models.pooling import Pooling
from platoscope.models.showing import encoder_card, encoder_in_short
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["ModuleEncoder", "filled_up", "module_encoder"]

_MEAN = Pooling("mean")
# Where modules say how many features their output has.
_WIDTHS = (
    "out_channels",
    "num_features",
    "out_features",
    "normalized_shape",
    "num_channels",
    "embedding_dim",
)
_PER_BATCH = 32
# As in the check of models of transformers: rounding stays below, another item's states do not.
_TOLERANCE, _TOLERANCE_OF_HALF = 1e-3, 0.1


@dataclass(frozen=True, repr=False)
class ModuleEncoder:
    """An `Encoder` of a module of torch, whose layers are the outputs of parts of it.

    Made by `platoscope.models.load_model`. A layer is the mean of an output over its positions, if it has any: the only
    pooling is ``mean``. Layers may differ in width; those that are narrower than the widest are filled up with zeros, and
    `widths_of` says where they end.

    Parameters
    ----------
    name : str
        What it is called.
    model : torch.nn.Module
        Is run on a batch, in evaluation mode.
    layers : tuple of str
        Names of modules in it.
    transform : callable or None
        From an image to a tensor, or for an image processor of transformers to ``pixel_values``; None where items are
        tensors already.
    feature_axis : int or None
        Which axis of outputs holds the features; None finds out.
    per_batch : int
        How many items run at once.
    provenance : mapping
        What decides the numbers, beside the module.
    """

    name: str
    model: torch.nn.Module
    layers: tuple[str, ...]
    transform: Any
    feature_axis: int | None
    per_batch: int
    provenance: Mapping[str, Any]
    max_tokens: None = None

    def __repr__(self) -> str:
        return encoder_in_short(self)

    def _repr_html_(self) -> str:
        return encoder_card(self)

    @property
    def modality(self) -> str:
        """What an item is: an array, or with a transform an image."""
        return "array" if self.transform is None else "image"

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.layers)

    @property
    def n_features(self) -> int:
        """0, since only running tells; see `widths_of`."""
        return 0

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """One per item: an item has no tokens to be counted."""
        return np.ones(len(items), np.int64)

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches: in the order given."""
        return [
            np.arange(first, min(first + self.per_batch, len(lengths)))
            for first in range(0, len(lengths), self.per_batch)
        ]

    def widths_of(self, items: Sequence[Any], /) -> tuple[int, ...]:
        """Run one item, and again beside another one if several run at once; give the features of each layer.

        Raises
        ------
        InputError
            If its states are not the same.
        """
        alone = self._run(items[:1])
        beside = self._run(items[: min(2, self.per_batch)])
        exact = next(self.model.parameters(), torch.zeros(())).dtype in (torch.float32, torch.float64)
        tolerance = _TOLERANCE if exact else _TOLERANCE_OF_HALF
        for name, one, two in zip(self.layers, alone, beside, strict=True):
            off = np.linalg.norm(two[:1] - one) / (np.linalg.norm(one) + np.finfo(np.float32).tiny)
            if off > tolerance:  # what is not finite is an error of its own
                msg = (
                    f"The first item has other states in {name!r} when it is read again, beside the second (off by "
                    f"{off:.2g} of their size). Something in {self.name} is random, or averages over the batch: switch it "
                    "off (a dropout that ignores eval(), a norm without running statistics)."
                )
                raise InputError(msg)
        return tuple(layer.shape[1] for layer in alone)

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch in one forward pass; see `Encoder.encode`."""
        wrong = next((pooling for pooling in poolings if pooling != _MEAN), None)
        if wrong is not None:
            msg = f"Pooling '{wrong}' does not apply to a module, whose outputs are pooled by 'mean' over their positions."
            raise InputError(msg)
        layers = self._run(items)
        return {str(_MEAN): filled_up(layers)}

    def _run(self, items: Sequence[Any]) -> list[NDArray[np.float32]]:
        """Run a batch, and give the rows of each layer."""
        weight = next(self.model.parameters(), torch.zeros(()))
        tensors = [self._tensor(item, i) for i, item in enumerate(items)]
        odd = [i for i, tensor in enumerate(tensors) if tensor.shape != tensors[0].shape]
        if odd:
            shapes = f"{tuple(tensors[odd[0]].shape)} and not {tuple(tensors[0].shape)}"
            raise BatchItemError(
                odd[:1], lambda names: f"I{names[0][1:]} has the shape {shapes}, as the first of its batch."
            )
        batch = torch.stack(tensors)
        if batch.is_floating_point():
            batch = batch.to(weight.dtype)
        seen = _Seen(self.layers, len(items), self.feature_axis)
        with (
            guarded(
                f"{self.name} does not run on a batch of shape {tuple(batch.shape)}",
                "Check what it takes, and the transform of its images.",
            ),
            torch.inference_mode(),
            seen.watching(self.model),
        ):
            self.model(batch.to(weight.device))
        missing = [name for name in self.layers if name not in seen.rows]
        if missing:
            msg = f"The module {missing[0]!r} of {self.name} does not run in its forward pass. Leave it out of layers."
            raise InputError(msg)
        return [seen.rows[name] for name in self.layers]

    def _tensor(self, item: Any, position: int) -> torch.Tensor:
        if self.transform is None:
            with guarded(f"{type(item).__name__} is no tensor", "Pass arrays or tensors of numbers."):
                # In the order of bytes and with the strides that torch knows.
                if isinstance(item, np.ndarray):
                    item = np.ascontiguousarray(item, item.dtype.newbyteorder("="))
                return torch.as_tensor(item)
        try:
            image = open_image(item)
        except InputError as error:
            reason = str(error)
            raise BatchItemError(
                [position], lambda names: f"I{names[0][1:]} cannot be read as an image: {reason}"
            ) from error
        try:
            if hasattr(self.transform, "to_dict"):  # an image processor of transformers
                made = self.transform(images=image, return_tensors="pt")["pixel_values"][0]
            else:
                made = self.transform(image)
        except Exception as error:
            failed = f"{type(error).__name__}: {reason_of(error)}"
            raise BatchItemError(
                [position], lambda names: f"The transform fails on {names[0]}: {failed}."
            ) from error
        if not isinstance(made, torch.Tensor):
            msg = f"The transform must give a tensor for each image; it gave {type(made).__name__}."
            raise InputError(msg)
        return made


@dataclass
class _Seen:
    """What came out of the modules that are watched, in one forward pass."""

    names: tuple[str, ...]
    n_items: int
    feature_axis: int | None
    rows: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    _widths: list[int] = field(default_factory=list)
    _begun: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def watching(self, model: torch.nn.Module) -> Iterator[None]:
        """Watch inside the context."""
        handles = []
        try:
            for name, part in model.named_modules():
                if any(hasattr(part, attribute) for attribute in _WIDTHS):
                    handles.append(part.register_forward_hook(self._note_width))
                if name in self.names:
                    handles.append(part.register_forward_pre_hook(self._beginner(name)))
                    handles.append(part.register_forward_hook(self._keeper(name)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _note_width(self, module: torch.nn.Module, _args: Any, _output: Any) -> None:
        said = next(getattr(module, name) for name in _WIDTHS if hasattr(module, name))
        self._widths.append(int(said[-1] if isinstance(said, Sequence) else said))

    def _beginner(self, name: str) -> Callable[..., None]:
        def begin(_module: torch.nn.Module, _args: Any) -> None:
            self._begun[name] = len(self._widths)

        return begin

    def _keeper(self, name: str) -> Callable[..., None]:
        def keep(_module: torch.nn.Module, _args: Any, output: Any) -> None:
            if name in self.rows:
                msg = f"The module {name!r} runs more than once in a forward pass, so that its output is not one layer."
                raise InputError(msg)
            state = leaving_state(output)
            fits = isinstance(state, torch.Tensor) and state.ndim >= 2 and len(state) == self.n_items
            if not fits or 0 in state.shape or state.is_complex():
                seen = type(state).__name__
                if isinstance(state, torch.Tensor):
                    seen = f"{str(state.dtype).removeprefix('torch.')} of shape {tuple(state.shape)}"
                msg = (
                    f"The module {name!r} must give a tensor of real numbers with one row for each of the {self.n_items} "
                    f"items; it gives {seen}. Name another one."
                )
                raise InputError(msg)
            # A copy: what runs next may write into the tensor, as an activation in place does.
            self.rows[name] = self._pooled(name, state).float().cpu().numpy().copy()

        return keep

    def _pooled(self, name: str, state: torch.Tensor) -> torch.Tensor:
        """Average over all axes but items and features, in float32."""
        if state.ndim == 2:
            return state
        axis = self._axis(name, tuple(state.shape))
        return state.mean(dim=[i for i in range(1, state.ndim) if i != axis], dtype=torch.float32)

    def _axis(self, name: str, shape: tuple[int, ...]) -> int:
        given = self.feature_axis
        if given is not None:
            if not 1 <= (given % len(shape) if -len(shape) <= given < len(shape) else 0):
                msg = f"feature_axis={given} is none of the axes of {name!r}, which gives {shape}, or that of the items."
                raise InputError(msg)
            return given % len(shape)
        width = self._widths[-1] if self._widths else None
        # Weights that run inside may be of a branch beside the output: none of them may speak for the other axis.
        inside = {*self._widths[self._begun[name] :], width}
        said = [axis for axis in {1, len(shape) - 1} if shape[axis] in inside]
        if len(said) != 1 or shape[said[0]] != width:
            msg = (
                f"Which axis of {name!r} holds features does not show: it gives {shape}, and the last weights before it "
                f"{'say nothing' if width is None else f'have {width}'}. Say it: feature_axis=1 for channels "
                "first, feature_axis=-1 for channels last."
            )
            raise InputError(msg)
        return said[0]


def filled_up(layers: Sequence[NDArray[np.float32]], /) -> NDArray[np.float32]:
    """Put layers of unequal widths into one array, with zeros behind the narrower ones.

    Examples
    --------
    >>> filled_up([np.ones((1, 2)), np.ones((1, 3))]).tolist()
    [[[1.0, 1.0, 0.0]], [[1.0, 1.0, 1.0]]]
    """
    states = np.zeros((len(layers), len(layers[0]), max(layer.shape[1] for layer in layers)), np.float32)
    for state, layer in zip(states, layers, strict=True):
        state[:, : layer.shape[1]] = layer
    return states


def module_encoder(
    model: torch.nn.Module,
    transform: Any,
    layers: Sequence[str] | None,
    /,
    *,
    feature_axis: int | None,
    per_batch: int | None,
    provenance: Mapping[str, Any],
) -> ModuleEncoder:
    """Make an encoder of a module; for the arguments see `platoscope.models.load_model`.

    Raises
    ------
    InputError
        If no layers are named, or one twice, or the transform cannot be called.
    NotFoundError
        If the module has none of that name.
    """
    known = [name for name, _ in model.named_modules() if name]
    outer = listed([name for name in known if name.count(".") < 2])
    if layers is None or isinstance(layers, str) or not len(layers):
        msg = f"Of {type(model).__name__} name the modules to read, as layers=[…]. It has {outer}."
        raise InputError(msg)
    for name in layers:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 3)
            hint = f"Did you mean {listed(near)}?" if near else f"It has {outer}."
            msg = f"{type(model).__name__} has no module {name!r}. {hint}"
            raise NotFoundError(msg)
    if len(set(layers)) != len(layers):
        msg = f"layers must name each module once; got {listed(layers)}."
        raise InputError(msg)
    if feature_axis is not None:
        whole_number("feature_axis", feature_axis)
    if transform is not None and not callable(transform):
        msg = f"The transform must be a function from an image to a tensor; got {type(transform).__name__}."
        raise InputError(msg)
    return ModuleEncoder(
        name=type(model).__name__,
        model=model,
        layers=tuple(layers),
        transform=transform,
        feature_axis=feature_axis,
        per_batch=per_batch or _PER_BATCH,
        provenance=provenance,
    )
