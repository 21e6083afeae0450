"""`compare` and `profile`: what a user calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from platoscope.checks import in_short, listing
from platoscope.errors import InputError
from platoscope.layerwise._evaluating import evaluated
from platoscope.layerwise._layer_stack import as_stack
from platoscope.layerwise._matching import choose_pairs, every_pair
from platoscope.layerwise._stacks import matrices_fit
from platoscope.measures import (
    ComparisonOptions,
    Measure,
    changed,
    choose_measures,
    with_keywords,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt
    import xarray as xr

    from platoscope.layerwise._stacks import Stack
    from platoscope.neighbors import OwnMetric, Transform
    from platoscope.progress import Tell

__all__ = ["compare", "of_one_measure", "profile", "profile_each"]


def compare(
    A: Any,
    B: Any,
    /,
    *,
    options: ComparisonOptions | None = None,
    measures: Sequence[str | Measure] | None = None,
    transform: Transform | None = None,
    n_neighbors: int | None = None,
    metric: str | OwnMetric | None = None,
    overlap_neighbors: int | None = None,
    overlap_metric: str | OwnMetric | None = None,
    n_resamples: int | None = None,
    resample_fraction: float | None = None,
    interval_method: str | None = None,
    n_permutations: int | None = None,
    alpha: float | None = None,
    items: bool | None = None,
    strata: Sequence[Any] | None = None,
    n_samples: int | None = None,
    block_size: int | None = None,
    rng: int | np.random.Generator | None = None,
    names: Sequence[str] | None = None,
    progress: Tell | bool | None = None,
) -> xr.Dataset:
    """Compare every layer of `A` with every layer of `B`.

    Parameters
    ----------
    A, B : array of shape (n_layers, n_samples, n_features), sequence of layers, Representations or LayerStack
        Two stacks over the same items. A layer is an array of shape (n_samples, n_features), a
        sequence of arrays (a concatenation whose squared distances add), or a `Space`; widths and
        numbers of layers may differ. `platoscope.layerwise.LayerStack` says what an object of your own must have.
    options : ComparisonOptions, optional
        What is computed and how; the defaults of the record if left out.
    measures, transform, n_neighbors, metric, overlap_neighbors, overlap_metric, n_resamples, \
resample_fraction, interval_method, n_permutations, alpha, items : optional
        Replace the fields of `options` of the same name, which `ComparisonOptions` explains.
    strata : sequence of length n_samples, optional
        Group of each item (book, class): shuffle within groups only.
    n_samples : int, optional
        Use a random subset of this many items, for comparisons at equal N.
    block_size : int, optional
        Rows of a distance matrix held at a time, see `platoscope.prepare`; by default whole matrices
        are kept where all layers together fit in half of the available memory.
    rng : int, numpy.random.Generator or None
        Source of subsets, subsamples and permutations.
    names : (str, str), optional
        What A and B are called, in the attributes ``name_a`` and ``name_b``, in figures and in tables.
    progress : bool or callable, optional
        True shows a bar, in a terminal or a notebook; a function is called as ``progress(what, done, total)``.

    Returns
    -------
    xarray.Dataset
        Dimensions ``direction`` ("a_to_b", "b_to_a"), ``layer_a``, ``layer_b``, with coordinates
        ``relative_depth_a``, ``relative_depth_b``. For each measure m: ``m``; with resamples ``m_se``,
        ``m_low``, ``m_high``, ``m_resamples``; with permutations ``m_null`` (mean), ``m_threshold``,
        ``m_p``, ``m_p_adjusted`` (for looking at all cells), ``m_calibrated``, and ``m_best_p``,
        ``m_best_calibrated``: the claim about the best
        pair of layers, against the null of the best. ``asymmetry`` is Δ(A→B) − Δ(B→A), negative
        where A is the more informative, with its own paired interval. ``m_null_draws`` keeps every value
        under permutation (float32). A measure of your own has of these what its record declares. Attributes hold
        all settings; ``last_layer`` says whether the last layer of the model is "after" or "before" its final norm, which
        changes its geometry (empty where the provenance of neither side knows).
        ``feature_share_a``, ``largest_feature_a``, ``participation_ratio_a`` and ``hubness_a``, and
        the same of B, describe each layer of a side as it was compared
        (`platoscope.neighbors.space_diagnostics`; hubness is that of the graph of `overlap_neighbors` under
        `overlap_metric`, or under `metric` where overlap is not measured, NaN where that is undefined). The last two
        are left out where only retrieval is measured, which needs no distances.

        With ``items=True`` also, over the dimension ``item`` (names of the items where the stacks have any, else row
        numbers): ``neighbor_rank`` (float64), in direction a_to_b the rank in B of the item's nearest neighbor in A, of
        which Δ is ``2 * neighbor_rank.sum("item") / n_samples**2`` (the mean over `n_neighbors` neighbors, and over those
        that tie, as Δ takes it); ``nearest_a`` and ``nearest_b`` (int32), the position of the nearest neighbor among the
        items of a layer of that side, the first by position of the ``n_nearest_a`` and ``n_nearest_b`` (int32) that tie;
        and, where retrieval is measured, ``partner_rank`` (float64), the rank of the item's partner among all
        candidates of the other side. `platoscope.per_item` makes a table of them.

    Raises
    ------
    InputError
        Stacks of different items, an option out of its range, anything that one of the layers may not be, a
        measure of your own that is called as another or returns something else than it should.
    NotFoundError
        Unknown measure.
    MemoryPlanError
        The plan does not fit in memory.

    Warns
    -----
    PlatoscopeWarning
        Where a measure is undefined (CKA of a constant layer) the cell is NaN, and the layers are named.
        Where one feature holds more than 20 % of the variance of a layer (and ten times an even share): its
        neighbors are then largely those in that feature.

    Notes
    -----
    One matrix product per layer (not per pair), kept as N² float32 values. ``items=True`` keeps 16 bytes per item and pair
    of layers, and with `n_neighbors` above 1 looks through each matrix once more for the first neighbor. See
    docs/measures.md ("Uncertainty", "Nulls", "Items").

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> A = rng.standard_normal((3, 200, 16))
    >>> B = A[:2, :, :8]
    >>> result = compare(A, B, measures=["information_imbalance"], n_resamples=0)
    >>> result.information_imbalance.sel(direction="a_to_b").round(1).values.tolist()
    [[0.1, 0.9], [1.0, 0.1], [1.1, 1.0]]
    """
    chosen = with_keywords(options, locals())
    (found,) = evaluated(
        A, [B], chosen, _all_pairs, grid=True, strata=strata, n_samples=n_samples, block_size=block_size, rng=rng,
        names=names, progress=progress,
    )  # fmt: skip
    return found


def profile(
    A: Any,
    B: Any,
    /,
    *,
    match: Literal["index", "relative_depth"] = "index",
    layer_a: int | None = None,
    layer_b: int | None = None,
    options: ComparisonOptions | None = None,
    measures: Sequence[str | Measure] | None = None,
    transform: Transform | None = None,
    n_neighbors: int | None = None,
    metric: str | OwnMetric | None = None,
    overlap_neighbors: int | None = None,
    overlap_metric: str | OwnMetric | None = None,
    n_resamples: int | None = None,
    resample_fraction: float | None = None,
    interval_method: str | None = None,
    n_permutations: int | None = None,
    alpha: float | None = None,
    items: bool | None = None,
    strata: Sequence[Any] | None = None,
    n_samples: int | None = None,
    block_size: int | None = None,
    rng: int | np.random.Generator | None = None,
    names: Sequence[str] | None = None,
    progress: Tell | bool | None = None,
) -> xr.Dataset:
    """Compare matched layers of `A` and `B`: one value per layer instead of a grid.

    Parameters
    ----------
    match : {"index", "relative_depth"}
        Layer l with layer l, or each layer of `A` with the layer of `B` nearest in relative depth.
    layer_a, layer_b : int, optional
        Fix one side at this layer (a label, as in ``Representations.layers``) and sweep the other.
    A, B, options, measures, transform, n_neighbors, metric, overlap_neighbors, overlap_metric, n_resamples, \
resample_fraction, interval_method, n_permutations, alpha, items, strata, n_samples, block_size, rng, names, progress
        As in `compare`.

    Returns
    -------
    xarray.Dataset
        As `compare` returns, with the one dimension ``layer`` instead of ``layer_a`` and ``layer_b``,
        which are coordinates over it, as are ``relative_depth_a`` and ``relative_depth_b``.

    Raises
    ------
    InputError
        As `compare`; also stacks of different length with ``match="index"``.

    Examples
    --------
    >>> import numpy as np
    >>> A = np.random.default_rng(0).standard_normal((3, 200, 16))
    >>> result = profile(A, A[:, :, :8], measures=["information_imbalance"], n_resamples=0)
    >>> result.sizes["layer"], bool((result.asymmetry < 0).all())
    (3, True)
    """
    (found,) = evaluated(
        A, [B], with_keywords(options, locals()), _matched(match, layer_a, layer_b), grid=False, strata=strata,
        n_samples=n_samples, block_size=block_size, rng=rng, names=names, progress=progress,
    )  # fmt: skip
    return found


def profile_each(
    A: Any,
    others: Sequence[Any],
    /,
    *,
    match: Literal["index", "relative_depth"] = "index",
    layer_a: int | None = None,
    layer_b: int | None = None,
    options: ComparisonOptions,
    strata: Sequence[Any] | None = None,
    rng: int,
    names: Sequence[str] | None = None,
    progress: Tell | bool | None = None,
) -> list[xr.Dataset]:
    """Compare `A` with each of several stacks over the same items as `profile` does, sharing what `A` costs.

    Parameters
    ----------
    others : sequence of stacks of layers
        What `A` is compared with in turn. Where the matrices of all layers do not fit in memory together, each is compared
        by itself, which gives the same numbers.
    A, match, layer_a, layer_b, options, strata, rng, names, progress
        As in `profile`.

    Returns
    -------
    list of xarray.Dataset
        What `profile` returns of `A` and each of `others`; CKA of shuffled pairings may be rounded otherwise in float32.

    Raises
    ------
    InputError
        As `profile`; no stack to compare with.
    """
    stacks = list(listing("others", others, of="stacks of layers"))
    together = matrices_fit(
        [as_stack(X, "a stack") for X in (A, *stacks)], choose_measures(options.measures), options
    )
    found = []
    for some in [stacks] if together else [[one] for one in stacks]:
        found += evaluated(
            A, some, options, _matched(match, layer_a, layer_b), grid=False, strata=strata, n_samples=None,
            block_size=None, rng=rng, names=names, progress=progress,
        )  # fmt: skip
    return found


def _matched(
    match: str, layer_a: int | None, layer_b: int | None
) -> Callable[[Stack, Stack], npt.NDArray[np.intp]]:
    """Return what pairs the layers of a profile."""

    def matched(a: Stack, b: Stack) -> npt.NDArray[np.intp]:
        depths = (a.relative_depth, b.relative_depth)
        return choose_pairs((a.layers, b.layers), depths, match=match, layer_a=layer_a, layer_b=layer_b)

    return matched


def of_one_measure(measure: object, options: ComparisonOptions | None, /) -> ComparisonOptions:
    """Return options with one measure, of which no intervals and nulls are computed.

    Raises
    ------
    InputError
        It is several measures, or none.
    """
    if not isinstance(measure, str | Measure):
        message = f"measure must be one, by name or a Measure of your own; got {in_short(measure)}."
        raise InputError(message)
    only = {"measures": measure, "n_resamples": 0, "n_permutations": 0, "items": False}
    return changed(ComparisonOptions() if options is None else options, only)


def _all_pairs(a: Stack, b: Stack) -> npt.NDArray[np.intp]:
    return every_pair(len(a.layers), len(b.layers))
