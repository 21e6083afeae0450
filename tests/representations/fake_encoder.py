"""A deterministic model without weights, also as a program that a test can kill.

Run as ``python fake_encoder.py STORE N_ITEMS ROWS_PER_UNIT KILL_AT``: it extracts two poolings, and
kills itself with SIGKILL in its ``KILL_AT``-th forward pass (``encode:5``) or file move (``replace:5``).
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

POOLINGS = ("mean(3)", "concat(2)")


class FakeEncoder:
    """States depend on the item and, in their last bits, on the batch, as those of real models do."""

    name = "fake"
    modality = "text"
    max_tokens = None

    def __init__(
        self, *, n_layers: int = 4, n_features: int = 6, batch_size: int = 7, **settings: Any
    ) -> None:
        self.n_layers = n_layers
        self.n_features = n_features
        self.batch_size = batch_size
        self.provenance: Mapping[str, Any] = {"id": "fake", "dtype": "float32", "device": "cpu", **settings}
        self.encoded: list[list[str]] = []

    def lengths(self, items: Sequence[str], /) -> np.ndarray:
        """Count words."""
        return np.array([len(item.split()) for item in items], np.int64)

    def batches(self, lengths: np.ndarray, /) -> list[np.ndarray]:
        """Put long sentences first, a fixed number together."""
        order = np.argsort(-lengths, kind="stable")
        return [order[i : i + self.batch_size] for i in range(0, order.size, self.batch_size)]

    def tokens(self, item: str) -> np.ndarray:
        """Make float64 states of eight tokens: shape (n_layers, 8, n_features)."""
        seed = int.from_bytes(hashlib.sha256(item.encode()).digest()[:8], "little")
        return np.random.default_rng(seed).standard_normal((self.n_layers, 8, self.n_features))

    def encode(self, items: Sequence[str], /, poolings: Sequence[Any]) -> dict[str, np.ndarray]:
        """Pool the tokens of every sentence, in float64."""
        self.encoded.append(list(items))
        batch_noise = 1e-6 * sum(len(item) for item in items)
        states = np.stack([self.tokens(item) for item in items], 1) + batch_noise
        pooled = {}
        for pooling in poolings:
            if pooling.keeps_tokens:
                found = states[:, :, -pooling.n :]
            elif pooling.kind == "mean":
                found = states[:, :, -(pooling.n or 8) :].mean(2)
            else:
                found = states[:, :, -1 - (pooling.n or 0)]
            pooled[str(pooling)] = found.astype(np.float32)
        return pooled


def sentences(n: int) -> list[str]:
    """Make different sentences of 2 to 12 words."""
    return [f"sentence {i}" + " word" * (i * 37 % 11) for i in range(n)]


def main(store: str, n_items: str, rows_per_unit: str, kill_at: str) -> None:
    """Extract, and die on the way if asked to."""
    from platoscope.representations import _units, extract

    _units._ROWS_PER_UNIT = int(rows_per_unit)
    where, _, count = kill_at.partition(":")
    left = int(count or 0)

    def kill_in_time(original: Any) -> Any:
        def step(*arguments: Any, **keywords: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **keywords)

        return step

    encoder = FakeEncoder()
    if where == "encode":
        encoder.encode = kill_in_time(encoder.encode)  # type: ignore[method-assign]
    elif where == "replace":
        Path.replace = kill_in_time(Path.replace)  # type: ignore[method-assign]
    extract(encoder, sentences(int(n_items)), pooling=POOLINGS, store=store)


if __name__ == "__main__":
    main(*sys.argv[1:])
