"""What a pair and a grid cost in units of the matrix products that they need."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from measuring.table import Row, in_turn, median, ratio, verdict

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from measuring.table import Sizes

__all__ = [
    "device",
    "dimension",
    "grid",
    "items",
    "nulls",
    "pair",
    "predictive",
    "scales",
    "stacks",
    "subsamples",
    "transform",
    "two_arrays",
]

MANY = 200
"""Subsamples that the default, fewer of them, is measured against."""


def two_arrays(n: int, d: int) -> tuple[Any, Any]:
    """Return an array and a noisy copy of it, float32."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    return X, X + 2 * rng.standard_normal((n, d), dtype=np.float32)


def stacks(n: int, d: int, layers: int) -> tuple[list[Any], list[Any]]:
    """Return two stacks of layers that share a signal, float32."""
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((n, d), dtype=np.float32)
    A, B = (
        [shared + 2 * rng.standard_normal((n, d), dtype=np.float32) for _ in range(layers)] for _ in range(2)
    )
    return A, B


def pair(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time one pair, both directions, against the products of X and of Y with their transposes."""
    from platoscope import information_imbalance

    n, d = sizes.n_samples, sizes.pair_features
    X, Y = two_arrays(n, d)
    X_again, Y_again = X.copy(), Y.copy()
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: information_imbalance(X, Y),
        # Of two equal arrays, so that all of the product is computed, as a BLAS call of any library does.
        "full": lambda: (X @ X_again.T, Y @ Y_again.T),
        # NumPy notices that both factors are one array, and computes one triangle.
        "syrk": lambda: (X @ X.T, Y @ Y.T),
    }
    times = in_turn(sides, sizes.repeats)
    case = f"Δ both directions, N = {n}, D = {d}"
    full, half = ratio(times, "ours", "full"), ratio(times, "ours", "syrk")
    return [
        Row("pair", case, median(times["ours"]), f"two full products: {median(times['full'])}",
            f"{full:.2f} ×", verdict(full <= 0.65, "≤ 0.65")),
        Row("pair", case, median(times["ours"]), f"`X @ X.T`, `Y @ Y.T` as NumPy halves them: {median(times['syrk'])}",
            f"{half:.2f} ×"),
    ]  # fmt: skip


def grid(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time a grid with Δ, overlap and both CKA against one full product per layer; and CKA of layers that are prepared."""
    from platoscope import compare, prepare

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    A, B = stacks(n, d, layers)
    other = np.ones((n, d), np.float32)  # another array, so that all of the product is computed

    def products() -> None:
        for layer in (*A, *B):
            layer @ other.T

    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: compare(A, B, n_resamples=0, rng=0),
        "full": products,
        # A grid needs the matrices of all layers at once: here their memory is part of both sides.
        "kept": lambda: [layer @ other.T for layer in (*A, *B)],
    }
    times = in_turn(sides, max(1, sizes.repeats // 3))
    found, of_kept = ratio(times, "ours", "full"), ratio(times, "ours", "kept")
    spaces = [[prepare(layer) for layer in side] for side in (A, B)]
    began = time.perf_counter()
    compare(*spaces, measures=("cka_debiased", "cka_biased"), n_resamples=0, rng=0)
    of_cka = time.perf_counter() - began
    share = of_cka / float(np.median(times["full"]))
    return [
        Row("grid", f"{layers} × {layers} layers: Δ both directions, overlap, both CKA; N = {n}, D = {d}",
            median(times["ours"]), f"{2 * layers} full products: {median(times['full'])}",
            f"{found:.2f} ×", verdict(found <= 1.0, "≤ 1.0")),
        Row("grid", f"{layers} × {layers} layers: Δ both directions, overlap, both CKA; N = {n}, D = {d}",
            median(times["ours"]), f"{2 * layers} full products, all kept: {median(times['kept'])}",
            f"{of_kept:.2f} ×"),
        Row("grid", f"{layers} × {layers} layers that are prepared: both CKA; N = {n}, D = {d}",
            median([of_cka]), f"{2 * layers} full products: {median(times['full'])}",
            f"{share:.2f} ×", verdict(share <= 0.2, "≤ 0.2")),
    ]  # fmt: skip


def nulls(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time the same grid with permutations and resamples, and a profile with permutations."""
    from platoscope import compare, profile
    from platoscope.layerwise import compile_kernels

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    compile_kernels()
    few, many = sizes.permutations
    A, B = stacks(n, d, layers)
    grids = in_turn(
        {
            "without": lambda: compare(A, B, n_resamples=0, rng=0),
            "with": lambda: compare(A, B, n_resamples=20, n_permutations=few, rng=0),
        },
        1,
        warm_up=False,
    )
    profiles = in_turn(
        {
            "without": lambda: profile(A, B, n_resamples=0, rng=0),
            "with": lambda: profile(A, B, n_resamples=0, n_permutations=many, rng=0),
        },
        1,
        warm_up=False,
    )
    by_grid, by_profile = (ratio(times, "with", "without") for times in (grids, profiles))
    return [
        Row("nulls", f"that grid with {few} permutations and 20 resamples", median(grids["with"]),
            f"without: {median(grids['without'])}", f"{by_grid:.2f} ×", verdict(by_grid <= 8, "≤ 8")),
        Row("nulls", f"profile of {layers} layers with {many:,} permutations", median(profiles["with"]),
            f"without: {median(profiles['without'])}", f"{by_profile:.2f} ×", verdict(by_profile <= 4, "≤ 4")),
    ]  # fmt: skip


def subsamples(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time the grid and the profile of its layers with many subsamples against few, which are the default."""
    from functools import partial

    from platoscope import compare, profile
    from platoscope.layerwise import compile_kernels
    from platoscope.measures import ComparisonOptions

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    few = ComparisonOptions().n_resamples
    compile_kernels()
    A, B = stacks(n, d, layers)
    cases: dict[str, Callable[..., object]] = {
        f"profile of {layers} layers": profile,
        f"{layers} × {layers} layers": compare,
    }
    rows = []
    for case, measured in cases.items():
        sides = {str(count): partial(measured, A, B, n_resamples=count, rng=0) for count in (0, few, MANY)}
        times = in_turn(sides, 1, warm_up=False)
        found, without = ratio(times, str(MANY), str(few)), median(times["0"])
        rows.append(Row("subsamples", f"{case} with {MANY} subsamples", median(times[str(MANY)]),
                        f"with {few}: {median(times[str(few)])}, with none: {without}", f"{found:.2f} ×"))  # fmt: skip
    return rows


def transform(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time the same grid of prepared rows against that of the rows as they are."""
    from functools import partial

    from platoscope import compare
    from platoscope.layerwise import compile_kernels

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    compile_kernels()
    A, B = stacks(n, d, layers)
    ways = options.ways or ("unit", "clip", "clamp", "zscore", "zscore+unit", "whiten")
    sides: dict[str, Callable[[], object]] = {
        way: partial(compare, A, B, transform=way, n_resamples=0, rng=0) for way in ("none", *ways)
    }
    for way in sides:
        compare(A[:1], B[:1], transform=way, n_resamples=0, rng=0)
    # Whitening takes the eigenvectors of every layer: no bar of a pass over the rows is meant for it, and one turn tells.
    slow = {way: sides.pop(way) for way in ways if way == "whiten"}
    times = in_turn(sides, max(1, sizes.repeats // 3), warm_up=False) | in_turn(slow, 1, warm_up=False)
    rows = []
    for way in ways:
        found = ratio(times, way, "none")
        bar = "" if way in slow else verdict(found <= 1.05, "≤ 1.05")
        rows.append(Row("transform", f"that grid with transform={way!r}", median(times[way]),
                        f"without: {median(times['none'])}", f"{found:.2f} ×", bar))  # fmt: skip
    return rows


def device(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time one pair of torch tensors on the CPU, against torch products; the section ``gpu`` has those of a GPU."""
    import torch

    from platoscope import information_imbalance

    torch.set_num_threads(options.cores)
    n, d = sizes.n_samples, sizes.pair_features
    X, Y = (torch.from_numpy(array) for array in two_arrays(n, d))

    def products() -> None:
        X @ X.T, Y @ Y.T

    times = in_turn({"ours": lambda: information_imbalance(X, Y), "products": products}, sizes.repeats)
    found = ratio(times, "ours", "products")
    return [
        Row("device", f"torch tensors on the CPU, Δ both directions, N = {n}, D = {d}", median(times["ours"]),
            f"two torch products there: {median(times['products'])}", f"{found:.2f} ×"),
    ]  # fmt: skip


def items(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time a profile that keeps what items add to Δ, and the ranks of partners, against one that does not."""
    from platoscope import profile
    from platoscope.measures import DEFAULT_MEASURES

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    A, B = stacks(n, d, layers)
    rows = []
    for what, measures in (("", DEFAULT_MEASURES), (", recall@1", (*DEFAULT_MEASURES, "retrieval_at_1"))):
        without, with_items = (
            lambda kept=kept, measures=measures: profile(
                A, B, measures=measures, n_resamples=0, items=kept, rng=0
            )
            for kept in (False, True)
        )
        times = in_turn({"without": without, "with": with_items}, sizes.repeats)
        found = ratio(times, "with", "without")
        rows.append(
            Row("items", f"profile of {layers} layers with `items=True`: Δ, overlap, both CKA{what}; N = {n}, D = {d}",
                median(times["with"]), f"without: {median(times['without'])}", f"{found:.2f} ×",
                verdict(found <= 1.05, "≤ 1.05"))
        )  # fmt: skip
    return rows


def predictive(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time ridge R² and Procrustes of a profile, and of one permutation, against Δ of that profile."""
    from platoscope import profile

    n, d, layers = sizes.n_samples // 3, sizes.pair_features // 6, 4
    A, B = stacks(n, d, layers)
    rows = []
    for measure in ("ridge_r2", "procrustes"):
        sides = {
            name: lambda asked=asked, k=k: profile(
                A, B, measures=[asked], n_permutations=k, n_resamples=0, rng=0
            )
            for name, asked, k in (
                ("delta", "information_imbalance", 0),
                ("plain", measure, 0),
                ("shuffled", measure, 4),
            )
        }
        times = in_turn(sides, max(1, sizes.repeats // 3))
        plain, shuffled = (ratio(times, name, "delta") for name in ("plain", "shuffled"))
        delta = f"Δ of it: {median(times['delta'])}"
        case = f"{measure}, profile of {layers} layers, N = {n}, D = {d}"
        rows += [
            Row("predictive", case, median(times["plain"]), delta, f"{plain:.1f} ×"),
            Row("predictive", f"{case}, and 4 permutations", median(times["shuffled"]), delta, f"{shuffled:.1f} ×"),
        ]  # fmt: skip
    return rows


def dimension(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time TwoNN and GRIDE of all layers of both sides, as the study has them, beside the profile of Δ."""
    from platoscope import profile
    from platoscope.layerwise import dimension_profile

    n, d, layers = sizes.n_samples // 3, 640, min(sizes.n_layers, 6)
    A, B = stacks(n, d, layers)
    rows = []
    for n_resamples in (0, 40):

        def delta(n_resamples: int = n_resamples) -> None:
            profile(
                A, B, measures=["information_imbalance"], n_permutations=0, n_resamples=n_resamples, rng=0
            )

        def dimensions(n_resamples: int = n_resamples) -> None:
            for stack in (A, B):
                dimension_profile(stack, n_neighbors=(1, 4, 16), n_resamples=n_resamples, rng=0)
                dimension_profile(stack, method="twonn", n_neighbors=(1,), n_resamples=n_resamples, rng=0)

        times = in_turn({"dimensions": dimensions, "delta": delta}, max(3, sizes.repeats // 2))
        rows.append(
            Row("dimension", f"TwoNN, GRIDE at 3 scales, 2 × {layers} layers, {n_resamples} subsamples, N = {n}, D = {d}",
                median(times["dimensions"]), f"profile of Δ: {median(times['delta'])}",
                f"{ratio(times, 'dimensions', 'delta'):.1f} ×")
        )  # fmt: skip
    return rows


def scales(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time Δ inside groups and at all neighborhood sizes against Δ among all items, layer by layer."""
    from platoscope import profile
    from platoscope.layerwise import scale_profile
    from platoscope.measures import strata_imbalance

    n, d = sizes.n_samples // 3, sizes.grid_features
    A, B = stacks(n, d, sizes.n_layers // 3)
    groups = [str(i % 20) for i in range(n)]
    sides = {
        "plain": lambda: profile(A, B, measures=("information_imbalance",), n_resamples=0, rng=0),
        "groups": lambda: [
            strata_imbalance(X, Y, strata=groups, n_permutations=0) for X, Y in zip(A, B, strict=True)
        ],
        "sizes": lambda: scale_profile(A, B),
    }
    times = in_turn(sides, sizes.repeats)
    return [
        Row("scales", f"profile of {len(A)} layers, {what}; N = {n}, D = {d}", median(times[side]),
            f"Δ among all: {median(times['plain'])}", f"{ratio(times, side, 'plain'):.2f} ×", "")
        for side, what in (
            ("groups", "Δ inside 20 groups and across them"), ("sizes", f"Δ at {n // 4} neighborhood sizes"),
        )
    ]  # fmt: skip
