"""Pooling the hidden states that vLLM saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.arguments import a_path
from platoscope.checks import listing, whole_numbers
from platoscope.errors import InputError
from platoscope.models.pooling import Pooling, check_clip, parse_poolings
from platoscope.models.tokens import TokenLayout, text_readings
from platoscope.representations._files import natural, read_file
from platoscope.representations.representations import Representations

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from platoscope.models.tokens import Reading

__all__ = ["import_vllm"]


def _files_of(root: Path, files: Sequence[str] | None) -> list[Path]:
    if files is None:
        return sorted(root.glob("*.safetensors"), key=lambda file: natural(file.stem))
    return [root / a_path("each of files", name) for name in listing("files", files, of="names")]


def import_vllm(
    folder: str | os.PathLike[str],
    /,
    *,
    layers: Sequence[int],
    pooling: str | Pooling | Sequence[str | Pooling] = "mean(20)",
    drop_last: int = 2,
    keep_first: bool = False,
    clip: float | None = None,
    n_special: int = 0,
    depth: int | None = None,
    files: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> Representations:
    """Pool the hidden states that vLLM saved, one safetensors file per prompt.

    vLLM's hidden-state connector writes for every request a file with ``hidden_states`` of shape ``(n_tokens,
    n_layers, n_features)`` and ``token_ids``. Its layer id l is the state after block l, before any final
    norm, and 0 the embeddings: the numbering of Platoscope.

    Parameters
    ----------
    folder : path
        Where the files lie.
    layers : sequence of int
        The layer ids that vLLM was asked for, in its order; the files do not say.
    pooling : str, Pooling or sequence of them
        As for `extract`, without ``cls`` and ``eos``.
    drop_last, keep_first, clip
        As for `platoscope.models.load_model`.
    n_special : int, default 0
        How many special tokens (BOS) the tokenizer put before each prompt; they never enter.
    depth : int, optional
        Number of blocks of the model; the largest of `layers` by default.
    files : sequence of str, optional
        Names of the files, in the order of the items; by default all of the folder, by the numbers in their
        names.
    ids : sequence of str, optional
        Ids of the items; by default the names of the files without their endings.

    Returns
    -------
    Representations
        In memory, float32; one file is read at a time.

    Raises
    ------
    InputError
        If there are no such files, their layers differ from `layers`, a prompt is too short, or `clip` is no share.
    MissingExtraError
        If safetensors is not installed.
    """
    root = a_path("folder", folder).expanduser()
    found = _files_of(root, files)
    layers = whole_numbers("layers", layers, low=0)
    if not found:
        message = (
            f"There is no .safetensors file in {str(root)!r}; expected one per prompt, as vLLM writes them."
        )
        raise InputError(message)
    poolings = parse_poolings(pooling)
    check_clip(clip)
    pooled: dict[str, list[NDArray[np.float32]]] = {str(p): [] for p in poolings}
    for file in found:
        by_layer = _read_vllm(file, layers)
        layout = _layout(by_layer.shape[1], drop_last=drop_last, n_special=n_special)
        readings = text_readings(layout, [file.stem], poolings, keep_first=keep_first)
        if clip is not None:
            by_layer = _clipped(by_layer, clip, own=slice(n_special, None))
        for key, reading in readings.items():
            pooled[key].append(_pool(by_layer, reading))
    return Representations.from_arrays(
        {key: list(np.stack(rows, 1)) for key, rows in pooled.items()},
        ids=[file.stem for file in found] if ids is None else ids,
        layers=layers,
        depth=depth,
        provenance={
            "imported_from": "vLLM hidden states",
            "final_norm": False,
            "drop_last": drop_last,
            "keep_first": keep_first,
            "n_special": n_special,
            **({} if clip is None else {"clip": clip}),
        },
    )


def _read_vllm(file: Path, layers: Sequence[int]) -> NDArray[np.float32]:
    """Read the states of one prompt: float32, shape ``(n_layers, n_tokens, n_features)``."""
    arrays = read_file(file).arrays
    states, token_ids = arrays.get("hidden_states"), arrays.get("token_ids")
    if states is None or states.ndim != 3 or states.shape[1] != len(layers):
        shape = None if states is None else states.shape
        message = (
            f"{str(file)!r} should hold hidden_states of shape (n_tokens, {len(layers)}, n_features), "
            f"one for each of layers={list(layers)}, but has {shape}."
        )
        raise InputError(message)
    if token_ids is not None and np.size(token_ids) != len(states):
        message = (
            f"{str(file)!r} has hidden_states of {len(states)} tokens for {np.size(token_ids)} token_ids, so nothing says "
            "which state is whose. Take the states of whole prompts (no prefix caching, no chunked prefill)."
        )
        raise InputError(message)
    return np.moveaxis(np.asarray(states, np.float32), 1, 0)


def _layout(n_tokens: int, *, drop_last: int, n_special: int) -> TokenLayout:
    """Describe one prompt without padding to the rules by which models pool their tokens."""
    remaining = np.arange(n_special, max(n_special, n_tokens - drop_last))
    return TokenLayout(
        start=np.zeros(1, np.int64),
        remaining=(remaining,),
        own=np.arange(n_tokens)[None] >= n_special,
        cls=None,
        eos=None,
        drop_last=drop_last,
    )


def _clipped(states: NDArray[np.float32], q: float, /, *, own: slice) -> NDArray[np.float32]:
    """Clip one prompt's states, layer by layer, at the q and 1 − q quantiles of its own tokens."""
    low, high = np.quantile(states[:, own], (q, 1 - q), axis=(1, 2)).astype(np.float32)
    return np.clip(states, low[:, None, None], high[:, None, None])


def _pool(states: NDArray[np.float32], reading: Reading) -> NDArray[np.float32]:
    if reading.mask is not None:
        mean: NDArray[np.float32] = states[:, reading.mask[0]].mean(1)
        return mean
    assert reading.index is not None, "a reading has an index or a mask"
    gathered = states[:, reading.index[0]]
    return gathered.mean(1) if reading.average else gathered
