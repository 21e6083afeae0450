"""Compiling ahead, so that what a comparison takes can be told from what its first run ever takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope import measures, neighbors
from platoscope.layerwise._compare import compare, profile
from platoscope.measures import DEFAULT_MEASURES
from platoscope.neighbors import transform_rows

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["compile_kernels", "kernel_files"]


def compile_kernels() -> None:
    """Compile the loops behind `compare` and `profile`, or load them from the cache on disk.

    Takes about ten seconds the first time on a machine and a fraction of one after that. Nothing has to call
    it: kernels compile when they are first needed. Where time is measured, it keeps the two apart.
    """
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((2, 2, 60, 4)).astype(np.float32)
    # Equal rows and equal distances, so that the loops that settle ties run as well.
    A[1], B[1] = np.round(A[1]) + np.float32(0.5), np.round(B[1]) + np.float32(0.5)
    compare(A, B, measures=DEFAULT_MEASURES, overlap_neighbors=3, n_resamples=2, n_permutations=2, rng=0)
    rows = ("retrieval_at_1",)
    for step in ("clip", "clamp", "zscore"):
        transform_rows(A[0], step)
    profile(A[:1], B[:1], measures=rows, overlap_neighbors=3, n_resamples=2, n_permutations=2, rng=0)


def kernel_files() -> list[Path]:
    """List the compiled kernels on disk: without them, the next process compiles again what it needs."""
    return [*neighbors.kernel_files(), *measures.kernel_files()]
