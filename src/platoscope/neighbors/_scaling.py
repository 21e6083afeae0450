"""Powers of two: they bring values of any size to where squares neither overflow nor vanish, and change no digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["powers_of_two"]


def powers_of_two(peaks: Any, /) -> npt.NDArray[np.float64]:
    """Return the power of two that brings each of `peaks` near 1; 1 for a peak of 0.

    Examples
    --------
    >>> powers_of_two([0.0, 3.0, 1e-3]).tolist()
    [1.0, 0.25, 512.0]
    """
    peaks = np.asarray(peaks, np.float64)
    exponents = np.clip(-np.frexp(peaks)[1], -1020, 1020)
    return np.ldexp(np.ones(peaks.shape), np.where(peaks > 0, exponents, 0))
