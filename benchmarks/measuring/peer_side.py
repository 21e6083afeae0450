"""The other side: runs in the environment of the peers, needs nothing of Platoscope.

    python peer_side.py TASK FOLDER CORES

loads the arrays of FOLDER, then computes once for every line that it reads, and answers with a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


def dadapy(folder: Path) -> Callable[[], Any]:
    """Return Δ in both directions; in the default, one subset is all items."""
    from dadapy import Data

    X, Y = np.load(folder / "X.npy"), np.load(folder / "Y.npy")

    def imbalance() -> Any:
        # ((Δ(X→Y), its error), (Δ(Y→X), its error)); a fresh object, which remembers nothing
        forward, backward = Data(X).return_information_imbalace(Y, subset_size=len(X))
        return [forward[0], backward[0]]

    return imbalance


def _calibrated(folder: Path, similarity: Callable[[Any, Any], Any]) -> Callable[[], Any]:
    import torch
    from calibrated_similarity import calibrate

    X, Y = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("X", "Y"))
    orders = torch.from_numpy(np.load(folder / "orders.npy"))

    def score() -> Any:
        shuffles = iter(orders)
        found = calibrate(X, Y, similarity, K=len(orders), perm_fn=lambda n, device: next(shuffles))
        return [float(value) for value in found]

    return score


def calibrated_cka(folder: Path) -> Callable[[], Any]:
    """Return the calibrated score, the p-value and the threshold of debiased linear CKA."""
    from cka import cka_from_features

    return _calibrated(folder, lambda X, Y: cka_from_features(X, Y).squeeze())


def calibrated_overlap(folder: Path) -> Callable[[], Any]:
    """Return the same of mutual k-nearest neighbors with k = 10 and cosine distance."""
    import torch

    def nearest(X: Any) -> Any:
        X = X / X.norm(dim=1, keepdim=True)
        return (X @ X.T).fill_diagonal_(-2.0).topk(10).indices

    def overlap(X: Any, Y: Any) -> Any:
        left, right = (torch.zeros(len(X), len(X)).scatter_(1, nearest(Z), 1.0) for Z in (X, Y))
        return (left * right).sum(dim=1).mean() / 10

    return _calibrated(folder, overlap)


def repsim(folder: Path) -> Callable[[], Any]:
    """Return biased linear CKA of a pair."""
    from repsim import cka

    pair = [np.load(folder / f"{name}.npy") for name in ("X", "Y")]
    return lambda: [cka(pair, "linear", "gretton")[0, 1]]


def ckatorch(folder: Path) -> Callable[[], Any]:
    """Return biased linear CKA of a pair."""
    import torch
    from ckatorch import cka_base

    X, Y = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("X", "Y"))
    return lambda: [float(cka_base(X, Y))]


def pytorch_cka(folder: Path) -> Callable[[], Any]:
    """Return debiased linear CKA of a grid of layers."""
    import torch
    from cka import cka_from_features

    A, B = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("X", "Y"))
    return lambda: cka_from_features(A, B).ravel().tolist()


TASKS = {
    task.__name__: task
    for task in (dadapy, calibrated_cka, calibrated_overlap, repsim, ckatorch, pytorch_cka)
}


def main() -> None:
    """Answer every line of the standard input."""
    task, folder, cores = sys.argv[1:]
    # What packages print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if task != "dadapy" and task != "repsim":
        import torch

        torch.set_num_threads(int(cores))
    compute = TASKS[task](Path(folder))
    for _ in sys.stdin:
        print(json.dumps([float(value) for value in compute()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
