"""Gaussian data with a known relation, for which the measures can be judged (paper, Fig. 1).

Each construction gives two stacks, one "layer" per value of the varied quantity, so that the machinery for
layers computes, resamples and calibrates synthetic data as it does representations.

``low_rank``
    ``x ~ N(0, 1)`` in D dimensions; ``y = W x + noise · ε`` with ``W = U V / √(r D)``, where U (D × r) and
    V (r × D) are Gaussian. The scale makes every coordinate of ``W x`` of unit variance at every rank r.
``shared_features``
    ``y ~ N(0, 1)`` in D dimensions; ``x`` is its first ``round(α D)`` features (at least one).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platoscope.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from platoscope.studies.design.comparison import Synthetic

__all__ = ["COORDINATES", "stack"]

COORDINATES = {"low_rank": "rank", "shared_features": "fraction"}
"""The quantity that each construction varies; the name of the dimension of its results."""


def stack(source: Synthetic, /, *, n_samples: int, seed: int) -> list[NDArray[np.float32]]:
    """Draw one side of a construction, one array per value.

    Both roles of one construction draw the same numbers for equal `n_samples` and `seed`, so that they
    describe the same items although each is built on its own.

    Parameters
    ----------
    source : Synthetic
        The construction, the role and the values.
    n_samples : int
        Items.
    seed : int
        Seed of the draw.

    Returns
    -------
    list of ndarray of float32, each of shape (n_samples, n_features)
        ``x`` of ``shared_features`` has ``round(value * n_features)`` features.

    Raises
    ------
    InputError
        If a rank or a fraction is outside its range.

    Examples
    --------
    >>> from platoscope.studies import Synthetic
    >>> x = Synthetic(construction="shared_features", role="x", n_features=10, values=(0.1, 0.5))
    >>> [layer.shape for layer in stack(x, n_samples=50, seed=0)]
    [(50, 1), (50, 5)]
    """
    if source.construction == "low_rank":
        return _low_rank(source, n_samples=n_samples, seed=seed)
    return _shared_features(source, n_samples=n_samples, seed=seed)


def _low_rank(source: Synthetic, *, n_samples: int, seed: int) -> list[NDArray[np.float32]]:
    dimensions = source.n_features
    layers = []
    for value in source.values:
        rank = int(value)
        if not 1 <= rank <= dimensions or rank != value:
            msg = f"a rank must be a whole number from 1 to n_features={dimensions}, got {value:g}"
            raise InputError(msg)
        rng = np.random.default_rng([seed, dimensions, rank])
        x = rng.standard_normal((n_samples, dimensions))
        if source.role == "x":
            layers.append(x.astype(np.float32))
            continue
        u = rng.standard_normal((dimensions, rank))
        v = rng.standard_normal((rank, dimensions))
        y = (x @ v.T) @ u.T / np.sqrt(rank * dimensions)
        y += source.noise * rng.standard_normal((n_samples, dimensions))
        layers.append(y.astype(np.float32))
    return layers


def _shared_features(source: Synthetic, *, n_samples: int, seed: int) -> list[NDArray[np.float32]]:
    for value in source.values:
        if not 0 < value <= 1:
            msg = f"a fraction of observed features must lie in (0, 1], got {value:g}"
            raise InputError(msg)
    rng = np.random.default_rng([seed, source.n_features])
    y = rng.standard_normal((n_samples, source.n_features), dtype=np.float32)
    if source.role == "y":
        return [y] * len(source.values)
    return [y[:, : max(1, round(value * source.n_features))] for value in source.values]
