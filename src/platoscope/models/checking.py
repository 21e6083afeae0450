"""The check of a model at load: one short item through the library's own forward pass and through ours. Needs torch.

It is made once per configuration, with trained weights or without, precision, kind of device and version of the
libraries, and kept in the cache. A refusal is not kept: to find it again costs as little as to find it.
"""

from __future__ import annotations

import inspect
import json
import warnings
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from platoscope.cache import cache_folder
from platoscope.errors import InputError, PlatoscopeError, PlatoscopeWarning
from platoscope.hashing import digest
from platoscope.kept import recall, remember
from platoscope.models.conventions import (
    Convention,
    convene,
    expected_states,
    foresee,
    library_states,
    observe,
    unreadable,
)
from platoscope.models.pooling import Pooling
from platoscope.models.text import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from platoscope.models.blocks import Blocks
    from platoscope.models.pretrained import Pretrained
    from platoscope.models.vision import VisionEncoder

__all__ = ["Proof", "check"]

_SHORT = "one two three"
_LONG = "one two three four five six seven eight nine ten eleven twelve"
# Rounding that grows over a hundred layers stays below; a wrong layer, mask or position is off by the size of states.
_TOLERANCE = {"torch.float32": 1e-3}
_TOLERANCE_OF_HALF = 0.1
_SIDE = 64


@dataclass(frozen=True)
class Proof:
    """What the check found.

    Attributes
    ----------
    blocks : Blocks
        With how their layers are read.
    alone : bool
        Whether the states of a text change with the padding of its batch.
    """

    blocks: Blocks
    alone: bool

    @property
    def corrections(self) -> dict[str, Any]:
        """What provenance says of a model whose states were read otherwise, and wrong, before there was a check.

        Empty for all others, whose representations are still found under their key.
        """
        said: dict[str, Any] = {}
        if self.alone:
            said["padding"] = "none"
        if self.blocks.entering:
            said["entering"] = sorted(self.blocks.entering)
        if self.blocks.positions_first:
            said["positions_first"] = True
        return said


def check(
    found: Pretrained, encoder: TextEncoder | VisionEncoder, reading: Mapping[str, str], /
) -> Proof | None:
    """Check that the layers of a model are read as the library gives them.

    Parameters
    ----------
    found : Pretrained
        The model, with or without weights.
    encoder : TextEncoder or VisionEncoder
        Made of it.
    reading : mapping of str to str
        Its dtype, kind of device and padding side.

    Returns
    -------
    Proof or None
        None if it has no weights, nothing is remembered, and its structure does not tell.

    Raises
    ------
    InputError
        If it cannot be read right, with the reason.
    """
    identity = _identity(found)
    convention = _recall_convention(identity)
    proven = _path({**identity, **reading})
    alone = _recall_alone(proven)
    if convention is None:
        convention = _find_convention(found, encoder)
        if convention is None:
            return None
        remember(_path(identity), json.dumps(asdict(convention)).encode())
    blocks = convene(found.model, found.blocks, convention)
    if alone is None and not found.has_weights:
        if isinstance(encoder, TextEncoder) and _may_mix_padding_in(found, reading["padding_side"]):
            return None
        return Proof(blocks, alone=False)
    if alone is None:
        alone = _compare(found, replace(encoder, blocks=blocks), convention, reading["dtype"])
        remember(proven, json.dumps(alone).encode())
    return Proof(blocks, alone)


def _may_mix_padding_in(found: Pretrained, padding_side: str) -> bool:
    """Tell whether only the weights can say what padding does: nothing masks it, or positions are counted over it."""
    if padding_side == "left" or "attention_mask" not in inspect.signature(found.model.forward).parameters:
        return True
    return any(_looks_ahead(part) for block in found.blocks.modules for part in block.modules())


def _looks_ahead(part: torch.nn.Module) -> bool:
    """Tell whether a module is a convolution over tokens that come later as well: one without padding for all of it."""
    if not isinstance(part, torch.nn.Conv1d) or isinstance(part.padding, str):
        return isinstance(part, torch.nn.Conv1d)
    reach = part.dilation[0] * (part.kernel_size[0] - 1)
    return 0 < part.padding[0] < reach


def _identity(found: Pretrained) -> dict[str, Any]:
    """Say what decides how layers are read: the architecture and its settings, and the code of both sides."""
    settings: Any = found.model.config
    config: dict[str, Any] = settings.to_dict()
    for name in ("_name_or_path", "name_or_path", "dtype", "torch_dtype"):
        config.pop(name, None)
    own: dict[str, Any] = {} if found.content is None else {"content": found.content}
    if found.untrained:  # what padding does may be too little to be seen before training, and not after it
        own["untrained"] = True
    return own | {
        "code": _own_code(),
        "architecture": type(found.model).__name__,
        "config": config,
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }


@cache
def _own_code() -> str:
    """Digest the code that reads states, which may change between two versions."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return digest([[file.name, file.read_text(encoding="utf-8")] for file in files])


def _path(identity: Mapping[str, Any]) -> Path:
    return cache_folder("encoders") / f"{digest(identity)}.check"


def _recall_convention(identity: Mapping[str, Any]) -> Convention | None:
    content = recall(_path(identity), what="how a model's layers are read, which is found again")
    if content is None:
        return None
    kept = json.loads(content)
    return Convention(**kept | {"entering": tuple(kept["entering"])})


def _recall_alone(path: Path) -> bool | None:
    content = recall(path, what="what padding does to a model, which is found again")
    return None if content is None else bool(json.loads(content))


def _find_convention(found: Pretrained, encoder: TextEncoder | VisionEncoder) -> Convention | None:
    inputs = _trial(encoder)[0]
    if not found.has_weights:
        return foresee(found.model, found.blocks, inputs)
    return observe(_library_run(found.model, inputs), found.model, found.blocks)


def _trial(encoder: TextEncoder | VisionEncoder) -> tuple[dict[str, Any], NDArray[np.int64] | None]:
    """Give the library's inputs of one made-up item, and for a text the positions of its own tokens."""
    if isinstance(encoder, TextEncoder):
        return encoder.trial(_SHORT)
    return encoder.trial(_image()), None


def _image() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _library_run(model: Any, inputs: Mapping[str, Any]) -> Callable[[], Any]:
    device = next(model.parameters()).device
    there = {
        name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in inputs.items()
    }
    return lambda: model(**there, output_hidden_states=True)


def _compare(
    found: Pretrained, encoder: TextEncoder | VisionEncoder, convention: Convention, dtype: str
) -> bool:
    """Hold our states against the library's, layer by layer; say whether padding changes them."""
    inputs, own = _trial(encoder)
    states = library_states(_library_run(found.model, inputs), found.model)
    theirs = {
        layer: (state[0] if own is None else state[0, own]).float().cpu().numpy()
        for layer, state in expected_states(convention, states).items()
    }
    encoder = replace(encoder, final_norm=convention.library_norms, clip=None)
    if not isinstance(encoder, TextEncoder):
        rows = _read(encoder, [_image()], Pooling("mean_all"), found.model)[:, None]
        theirs = {layer: state.mean(axis=0, keepdims=True) for layer, state in theirs.items()}
        _require_agreement(found, rows, theirs, dtype)
        return False
    if own is None or not own.size:
        raise unreadable(found.model, f"its tokenizer makes no token of the text {_SHORT!r}")
    encoder = replace(encoder, drop_last=0, keep_first=True)
    pooling = Pooling("tokens", int(own.size))
    alone = _read(encoder, [_SHORT], pooling, found.model)
    _require_agreement(found, alone, theirs, dtype)
    try:
        padded = _read(encoder, [_SHORT, _LONG], pooling, found.model)
    except InputError:  # a model that cannot run on a padded batch is read without one
        return True
    if not np.isfinite(padded).all():  # by padding, or for all but the shortest text
        _require_finite(found, _read(encoder, [_LONG], pooling, found.model), dtype)
    return _deviation(padded, dict(enumerate(alone)), dtype)[0] > _tolerance(dtype)


def _read(
    encoder: TextEncoder | VisionEncoder, items: Sequence[Any], pooling: Pooling, model: torch.nn.Module
) -> NDArray[np.float32]:
    """Read a batch and give the states of its first item; whatever an architecture raises becomes a sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlatoscopeWarning)  # of what a short context cuts off
        try:
            return encoder.encode(items, [pooling])[str(pooling)][:, 0]
        except PlatoscopeError:
            raise
        except Exception as error:
            raise unreadable(model, f"reading it ended in: {error}") from error


def _require_agreement(
    found: Pretrained, ours: NDArray[np.float32], theirs: Mapping[int, NDArray[np.float32]], dtype: str
) -> None:
    _require_finite(found, ours, dtype)
    worst, layer = _deviation(ours, theirs, dtype)
    if worst > _tolerance(dtype):
        reason = f"its layer {layer} differs from the library's by {worst:.2g} of its size"
        raise unreadable(found.model, reason)


def _require_finite(found: Pretrained, states: NDArray[np.float32], dtype: str) -> None:
    """Refuse a model whose layers are not numbers, as a wrong setting makes them.

    Sound models overflow in float16: there it is enough that one layer does not. `extract` and measures refuse what does.
    """
    broken = [layer for layer, state in enumerate(states) if not np.isfinite(state).all()]
    if not broken:
        return
    way_out = "look its configuration and its weights over"
    if _has_float16(found.model):
        if len(set(broken) - {0}) < len(states) - 1:
            return
        way_out = (
            f"load it in a wider dtype (dtype='float32' or 'bfloat16'), and if that does not help, {way_out}"
        )
    reason = (
        f"its states are not finite in {len(broken)} of {len(states)} layers, the first of them layer {broken[0]}, "
        f"in {dtype.removeprefix('torch.')}; {way_out}"
    )
    raise unreadable(found.model, reason)


def _has_float16(model: torch.nn.Module) -> bool:
    """Tell whether some of a model is in float16: its weights, or the scales of narrower ones."""
    return any(part.dtype == torch.float16 for part in (*model.parameters(), *model.buffers()))


def _tolerance(dtype: str) -> float:
    return _TOLERANCE.get(dtype, _TOLERANCE_OF_HALF)


def _deviation(
    ours: NDArray[np.float32], theirs: Mapping[int, NDArray[np.float32]], dtype: str
) -> tuple[float, int]:
    """Find the layer that differs most, relative to the size of each token's state.

    In float32 the worst token counts. In half precision it is the median: a router that ties may send one token to
    another expert. A layer that is not finite, which float16 may leave, is left to the error that extraction raises.
    """
    summary = np.max if dtype in _TOLERANCE else np.median
    worst, where = 0.0, 0
    for layer, state in theirs.items():
        if not np.isfinite(state).all():
            continue
        size = np.linalg.norm(state, axis=1) + np.finfo(np.float32).tiny
        off = float(summary(np.linalg.norm(ours[layer] - state, axis=1) / size))
        if not off <= worst:
            worst, where = (off if np.isfinite(off) else np.inf), layer
    return worst, where
