"""Other packages on what each can do, on the same arrays, with the agreement of the values."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from measuring.costs import stacks, two_arrays
from measuring.table import Row, in_turn, median, ratio, verdict

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from measuring.table import Sizes

__all__ = ["peers"]

PERMUTATIONS = 200


def peers(sizes: Sizes, options: Namespace) -> Iterator[Row]:
    """Time every peer beside us."""
    yield _dadapy_pair(sizes, options)
    yield _dadapy_grid(sizes, options)
    yield _calibrated("cka_debiased", "calibrated_cka", "debiased CKA", sizes, options)
    yield _calibrated("neighborhood_overlap", "calibrated_overlap", "overlap", sizes, options)
    yield _cka_of_pair("repsim", sizes, options)
    yield _cka_of_pair("ckatorch", sizes, options)
    yield _cka_of_grid(sizes, options)


@contextmanager
def _peer(task: str, options: Namespace, **arrays: Any) -> Iterator[Callable[[], list[float]]]:
    """Start a peer on some arrays; the function that is handed out makes it compute once."""
    script = Path(__file__).with_name("peer_side.py")
    with tempfile.TemporaryDirectory() as folder:
        for name, array in arrays.items():
            np.save(Path(folder, f"{name}.npy"), array)
        command = [options.peers, "-W", "ignore", str(script), task, folder, str(options.cores)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            questions, answers = process.stdin, process.stdout
            assert questions
            assert answers

            def compute() -> list[float]:
                questions.write("again\n")
                questions.flush()
                answer = answers.readline()
                if not answer:
                    message = f"{task}: the peer ended with code {process.wait()}."
                    raise SystemExit(message)
                values: list[float] = json.loads(answer)
                return values

            yield compute


def _beside(
    ours: Callable[[], Any], theirs: Callable[[], list[float]], repeats: int
) -> tuple[dict[str, list[float]], float]:
    """Return the times of both sides, and the largest difference of their values."""
    values: dict[str, Any] = {}
    sides: dict[str, Callable[[], object]] = {
        "ours": lambda: values.update(ours=ours()),
        "theirs": lambda: values.update(theirs=theirs()),
    }
    times = in_turn(sides, repeats)
    return times, float(np.abs(np.ravel(values["ours"]) - np.ravel(values["theirs"])).max())


def _row(
    case: str,
    name: str,
    found: tuple[dict[str, list[float]], float],
    *,
    at_least: float | None = None,
    tolerance: float = 1e-5,
) -> Row:
    times, difference = found
    speed = ratio(times, "theirs", "ours")
    asked, holds = f"values to {tolerance:g}", difference <= tolerance
    if at_least is not None:
        asked, holds = f"≥ {at_least:g} ×, {asked}", holds and speed >= at_least
    return Row("peers", case, median(times["ours"]), f"{name}: {median(times['theirs'])}",
               f"{speed:.1f} × our time; values differ by {difference:.0e}", verdict(holds, asked))  # fmt: skip


def _dadapy_pair(sizes: Sizes, options: Namespace) -> Row:
    from platoscope import information_imbalance

    n, d = sizes.n_samples, sizes.pair_features
    X, Y = two_arrays(n, d)
    with _peer("dadapy", options, X=X, Y=Y) as theirs:
        found = _beside(lambda: tuple(information_imbalance(X, Y)), theirs, sizes.repeats)
    case = f"Δ both directions, N = {n}, D = {d}"
    return _row(case, "DADApy 0.3.4, `subset_size=N`", found, at_least=5)


def _dadapy_grid(sizes: Sizes, options: Namespace) -> Row:
    """Compare with one pair times the number of pairs: nothing is kept between pairs."""
    from platoscope import compare

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    A, B = stacks(n, d, layers)
    with _peer("dadapy", options, X=A[0], Y=B[0]) as theirs:
        times = in_turn(
            {
                "grid": lambda: compare(A, B, measures=["information_imbalance"], n_resamples=0, rng=0),
                "pair": theirs,
            },
            max(1, sizes.repeats // 3),
        )
    seconds = layers**2 * float(np.median(times["pair"]))
    return Row("peers", f"{layers} × {layers} layers, Δ both directions, N = {n}, D = {d}", median(times["grid"]),
               f"DADApy 0.3.4: {median(times['pair'])} per pair, extrapolated: {seconds:.0f} s",
               f"{seconds / np.median(times['grid']):.0f} × our time")  # fmt: skip


def _calibrated(measure: str, task: str, label: str, sizes: Sizes, options: Namespace) -> Row:
    """Compare calibrated score, p-value and threshold, under the same permutations."""
    from platoscope import compare
    from platoscope.measures import draw_shuffles

    n = sizes.n_samples // 3
    X, Y = two_arrays(n, n)
    # Those that `compare(rng=0)` draws: its second child generator is that of the permutations.
    orders = draw_shuffles(n, PERMUTATIONS, strata=None, rng=np.random.default_rng(0).spawn(2)[1]).orders

    def ours() -> list[float]:
        result = compare([X], [Y], measures=[measure], n_resamples=0, n_permutations=PERMUTATIONS, rng=0)
        return [float(result[f"{measure}_{end}"].values.item()) for end in ("calibrated", "p", "threshold")]

    with _peer(task, options, X=X, Y=Y, orders=orders) as theirs:
        found = _beside(ours, theirs, max(1, sizes.repeats // 3))
    case = f"{label} calibrated by {PERMUTATIONS} permutations, N = D = {n}"
    return _row(case, "calibrated-similarity 0.1.1", found)


def _cka_of_pair(task: str, sizes: Sizes, options: Namespace) -> Row:
    from platoscope import cka

    n = sizes.n_samples // 3
    X, Y = two_arrays(n, n)
    with _peer(task, options, X=X, Y=Y) as theirs:
        found = _beside(lambda: cka(X, Y, estimator="biased"), theirs, max(1, sizes.repeats // 3))
    name = {"repsim": "repsim 0.1.5", "ckatorch": "ckatorch 1.0.3"}[task]
    return _row(f"biased CKA, N = D = {n}", f"{name} (float64)", found)


def _cka_of_grid(sizes: Sizes, options: Namespace) -> Row:
    from platoscope import compare

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    A, B = stacks(n, d, layers)

    def ours() -> Any:
        return compare(A, B, measures=["cka_debiased"], n_resamples=0, rng=0).cka_debiased.values

    with _peer("pytorch_cka", options, X=np.stack(A), Y=np.stack(B)) as theirs:
        found = _beside(ours, theirs, max(1, sizes.repeats // 3))
    return _row(f"{layers} × {layers} layers, debiased CKA, N = {n}, D = {d}", "pytorch-cka 1.1.3", found)
