"""What the space does: one comparison under several preparations of the rows, side by side."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from platoscope.checks import listing
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise._compare import profile_each
from platoscope.layerwise._diagnosing import DOMINATED
from platoscope.layerwise._joining import join_results
from platoscope.measures import ComparisonOptions, changed
from platoscope.neighbors import parse_transform, transform_name
from platoscope.seeds import fresh_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.measures import Measure
    from platoscope.neighbors import Transform
    from platoscope.progress import Tell

__all__ = ["SPACES", "compare_spaces", "compare_spaces_of_each"]

SPACES: tuple[tuple[str, ...], ...] = ((), ("unit",), ("clip",), ("zscore", "unit"))
"""Rows as they are, of unit length, clipped, and z-scored: what `compare_spaces` puts side by side."""


def compare_spaces(
    A: Any,
    B: Any,
    /,
    *,
    spaces: Sequence[Transform] = SPACES,
    measures: Sequence[str | Measure] = ("information_imbalance",),
    match: Literal["index", "relative_depth"] = "index",
    layer_a: int | None = None,
    layer_b: int | None = None,
    options: ComparisonOptions | None = None,
    n_resamples: int | None = None,
    strata: Sequence[Any] | None = None,
    rng: int | None = None,
    names: Sequence[str] | None = None,
    progress: Tell | bool | None = None,
) -> xr.Dataset:
    """Compare matched layers under several preparations of their rows, on the same subsamples.

    Neighbors, and with them the sign of the asymmetry, depend on the space. What holds in one alone is about
    that space.

    Parameters
    ----------
    A, B, match, layer_a, layer_b, options, n_resamples, strata, names, progress
        As in `profile`; the transform of `options` is not read.
    spaces : sequence of transforms
        Preparations, see `platoscope.neighbors.transform_rows`.
    measures : sequence of str or Measure
        Δ with its asymmetry by default.
    rng : int or None
        Seed of subsamples and permutations, which are the same in every space: differences are paired.

    Returns
    -------
    xarray.Dataset
        What `profile` returns, with the dimension ``space`` in front, whose coordinate names each preparation as
        ``"zscore + unit"``. The diagnostics of `compare` are there for each. That a feature decides the neighbors
        of one space is not warned of here: it stands beside the others.

    Raises
    ------
    InputError
        As `profile`; no space, or one twice.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.random.default_rng(0).standard_normal((2, 200, 16))
    >>> B = A[:, :, :8] * np.array([1000.0] + 7 * [1.0])
    >>> found = compare_spaces(A, B, n_resamples=0, rng=0).information_imbalance.sel(direction="b_to_a", layer=1)
    >>> {str(space): round(float(found.sel(space=space)), 1) for space in found.space.values}
    {'none': 0.8, 'unit': 0.3, 'clip': 0.3, 'zscore + unit': 0.2}
    """
    (found,) = compare_spaces_of_each(
        A, [B], spaces=spaces, match=match, layer_a=layer_a, layer_b=layer_b,
        options=changed(ComparisonOptions() if options is None else options,
                        {"measures": measures, "n_resamples": n_resamples}),
        strata=strata, rng=fresh_seed() if rng is None else rng, names=names, progress=progress,
    )  # fmt: skip
    return found


def compare_spaces_of_each(
    A: Any,
    others: Sequence[Any],
    /,
    *,
    spaces: Sequence[Transform] = SPACES,
    match: Literal["index", "relative_depth"] = "index",
    layer_a: int | None = None,
    layer_b: int | None = None,
    options: ComparisonOptions,
    strata: Sequence[Any] | None = None,
    rng: int,
    names: Sequence[str] | None = None,
    progress: Tell | bool | None = None,
) -> list[xr.Dataset]:
    """Return what `compare_spaces` does of `A` and each of several stacks, sharing what `A` costs as `profile_each` does.

    The measures are those of `options`.

    Raises
    ------
    InputError
        As `compare_spaces`; no stack to compare with.
    """
    steps = [parse_transform(space) for space in listing("spaces", spaces, of="the preparations of rows")]
    labels = [transform_name(one) for one in steps]
    if len(set(labels)) < len(labels):
        message = f"spaces must name each preparation once; got {labels}."
        raise InputError(message)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=DOMINATED, category=PlatoscopeWarning)
        in_each_space = [
            profile_each(
                A, others, match=match, layer_a=layer_a, layer_b=layer_b, options=changed(options, {"transform": one}),
                strata=strata, rng=rng, names=names, progress=progress,
            )
            for one in steps
        ]  # fmt: skip
    return [
        join_results(of_one, "space", labels).assign_attrs(transform=", ".join(labels))
        for of_one in zip(*in_each_space, strict=True)
    ]
