"""Everything that is claimed of a GPU, in one go: that values are those of the host, and what a pair and a grid cost there.

Without a GPU every row says that it was not run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from measuring.table import Row, in_turn, median, ratio, verdict

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from measuring.table import Sizes

__all__ = ["gpu", "rows_there"]

_NONE = "not run: no GPU"
# Items of the pair on a GPU, which a host takes a minute for; and of what is compared with the host.
_MANY = 20_000
_COMPARED = 2000
_FEATURES = 256
_MINUTES = 6


def gpu(sizes: Sizes, options: Namespace) -> list[Row]:
    """Run all checks on the first CUDA device, or say that there is none."""
    import torch

    if not torch.cuda.is_available():
        return [Row("gpu", case, _NONE, "", "") for case in _cases(sizes, options.quick)]
    return rows_there(sizes, "cuda", quick=options.quick)


def rows_there(sizes: Sizes, where: str, *, quick: bool) -> list[Row]:
    """Return the rows of a device by its name in torch."""
    started = time.perf_counter()
    cases = _cases(sizes, quick)
    rows = [
        _exactness(cases[0], where, sizes.n_samples if quick else _COMPARED),
        _pair(cases[1], where, sizes.n_samples if quick else _MANY, sizes),
        _grid(cases[2], where, sizes),
    ]
    seconds = time.perf_counter() - started
    holds = verdict(seconds <= 60 * _MINUTES, f"≤ {_MINUTES} min")
    return [*rows, Row("gpu", cases[3], f"{seconds:.0f} s", _machine(where), "", holds)]


def _cases(sizes: Sizes, quick: bool) -> tuple[str, ...]:
    n, few = (sizes.n_samples, sizes.n_samples) if quick else (_MANY, _COMPARED)
    layers = f"{sizes.n_layers} × {sizes.n_layers} layers: Δ both directions, overlap, both CKA"
    return (
        f"Δ, overlap and CKA of tensors there and of arrays, on awkward data, N = {few}, D = {_FEATURES}",
        f"tensors there, Δ both directions, N = {n}, D = {sizes.pair_features}",
        f"tensors there, {layers}; N = {sizes.n_samples}, D = {sizes.grid_features}",
        "all of this section, the first use of everything included",
    )


def _exactness(case: str, where: str, n: int) -> Row:
    """Compare Δ, overlap and CKA of tensors with those of the same numbers as arrays."""
    from platoscope import cka
    from platoscope.measures import information_imbalance, neighborhood_overlap
    from platoscope.neighbors import prepare

    equal, asked, worst = 0, 0, 0.0
    for X, Y in _awkward(n):
        here, there = [prepare(Z) for Z in (X, Y)], [prepare(_sent(Z, where)) for Z in (X, Y)]
        assert all(space.device is not None for space in there)
        for metric in ("euclidean", "cosine"):
            for k in (1, 10):
                for measure in (information_imbalance, neighborhood_overlap):
                    found = [measure(*side, n_neighbors=k, metric=metric) for side in (here, there)]
                    equal, asked = equal + (found[0] == found[1]), asked + 1
        for estimator in ("debiased", "biased"):
            values = [cka(*side, estimator=estimator) for side in (here, there)]
            worst = max(worst, abs(values[0] - values[1]))
    holds = verdict(equal == asked and worst <= 1e-5, "all, CKA to 1e-5")
    return Row("gpu", case, f"{equal} of {asked} equal to the last bit", "", f"CKA within {worst:.0e}", holds)


def _awkward(n: int) -> Iterator[tuple[Any, Any]]:
    """Yield pairs on which float32 products cancel, or items tie."""
    rng = np.random.default_rng(0)

    def related() -> tuple[Any, Any]:
        X = rng.standard_normal((n, _FEATURES), dtype=np.float32)
        return X, X + rng.standard_normal(X.shape, dtype=np.float32)

    yield related()
    X, Y = related()
    X[5] += 3e3  # one far item
    yield X, Y
    X, Y = related()
    X[:, :2] += 1000  # huge constant features
    yield X, Y
    X, Y = (np.round(Z[:, :4]) + np.float32(0.5) for Z in related())  # a grid, full of ties
    yield X, Y
    X, Y = related()
    yield X[rng.integers(0, n // 2, n)], Y  # copies
    # The few digits of half precision, in few features: near-ties.
    yield tuple(Z[:, :8].astype(np.float16).astype(np.float32) for Z in related())


def _pair(case: str, where: str, n: int, sizes: Sizes) -> Row:
    import torch

    from platoscope import information_imbalance

    generator = torch.Generator(where).manual_seed(0)
    X = torch.randn((n, sizes.pair_features), generator=generator, device=where)
    Y = X + 2 * torch.randn(X.shape, generator=generator, device=where)
    times = in_turn(
        {"ours": lambda: information_imbalance(X, Y), "products": _products([X, Y], where)}, sizes.repeats
    )
    other = f"two float32 products there, TF32 off: {median(times['products'])}"
    steps = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in _steps(X, Y, where))
    return Row(
        "gpu", case, median(times["ours"]), other, f"{ratio(times, 'ours', 'products'):.2f} ×; {steps}"
    )


def _steps(X: Any, Y: Any, where: str) -> Iterator[tuple[str, float]]:
    """Yield what the steps of one direction take."""
    from platoscope.neighbors import nearest_neighbors, prepare, ranks

    def timed(step: Callable[[], Any]) -> tuple[Any, float]:
        start = time.perf_counter()
        found = step()
        _wait(where)
        return found, time.perf_counter() - start

    a, seconds = timed(lambda: prepare(X))
    yield "one side prepared in", seconds
    near, seconds = timed(lambda: nearest_neighbors(a, 1, "euclidean"))
    yield "its neighbors in", seconds
    b = prepare(Y)
    _, seconds = timed(lambda: ranks(b, near.indptr, near.items, "euclidean"))
    yield "their ranks in", seconds


def _grid(case: str, where: str, sizes: Sizes) -> Row:
    import torch

    from platoscope import compare

    generator = torch.Generator(where).manual_seed(1)
    shape = sizes.n_samples, sizes.grid_features
    shared = torch.randn(shape, generator=generator, device=where)
    A, B = (
        [
            shared + 2 * torch.randn(shape, generator=generator, device=where)
            for _ in range(sizes.n_layers)
        ]
        for _ in "ab"
    )  # fmt: skip
    sides = {
        "ours": lambda: compare(A, B, n_resamples=0, rng=0),
        "products": _products([*A, *B], where),
    }
    times = in_turn(sides, max(1, sizes.repeats // 3))
    other = f"{2 * sizes.n_layers} float32 products there, TF32 off: {median(times['products'])}"
    return Row("gpu", case, median(times["ours"]), other, f"{ratio(times, 'ours', 'products'):.2f} ×")


def _products(layers: list[Any], where: str) -> Callable[[], None]:
    """Return what multiplies each layer with itself in full float32, and waits."""
    import torch

    def products() -> None:
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        for layer in layers:
            layer @ layer.T
        _wait(where)
        torch.set_float32_matmul_precision(before)

    return products


def _sent(array: Any, where: str) -> Any:
    import torch

    return torch.from_numpy(array.copy()).to(where)


def _wait(where: str) -> None:
    import torch

    if where != "cpu":
        torch.cuda.synchronize()


def _machine(where: str) -> str:
    """Say on what this was measured: rows of this section need not come from the machine of the table."""
    from importlib.metadata import version

    import torch

    name = torch.cuda.get_device_name() if where != "cpu" else "the CPU, taken for a device"
    return f"{name}, torch {torch.__version__}, platoscope {version('platoscope')}"
