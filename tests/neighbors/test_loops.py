"""Compiled loops: the smallest values of a row, the few between bounds, and distances, whatever the rows are like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from platoscope.neighbors._band_kernels import band_members
from platoscope.neighbors._exact_kernels import add_squared
from platoscope.neighbors._kernels import keep_smallest, room_for
from platoscope.neighbors._search_kernels import list_candidates, tighten

INF = np.inf
SIZES = (1, 2, 31, 32, 33, 64, 65, 200, 1000, 4097)
ROWS: dict[str, Any] = {
    "different": lambda rng, n: rng.standard_normal(n),
    "all equal": lambda _rng, n: np.full(n, 3.0),
    "few values": lambda rng, n: rng.integers(0, 3, n).astype(float),
    "ascending": lambda _rng, n: np.arange(n, dtype=float),
    "descending": lambda _rng, n: -np.arange(n, dtype=float),
    "one far": lambda rng, n: np.append(rng.standard_normal(n - 1), 1e30),
    "one far below": lambda rng, n: np.append(rng.standard_normal(n - 1), -1e30),
    "copies": lambda rng, n: np.where(rng.random(n) < 0.3, -INF, rng.standard_normal(n)),
    "all copies": lambda _rng, n: np.full(n, -INF),
    "itself alone": lambda _rng, n: np.full(n, INF),
    "near the largest": lambda rng, n: rng.choice([-3e38, 3e38], n) * rng.random(n),
    "subnormal": lambda rng, n: rng.standard_normal(n) * 1e-42,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ROWS)
def test_the_smallest_are_those_of_a_stable_sort(name: str, dtype: Any) -> None:
    """Of any row and any number of them; the own value, which is infinite, is never one."""
    for seed, n in enumerate(SIZES):
        row = ROWS[name](np.random.default_rng(seed), n).astype(dtype)
        row[seed % n] = INF
        for n_kept in {1, 2, 11, max(n - 1, 1), n}:
            kept, where = np.empty(n_kept, dtype), np.empty(n_kept, np.int32)
            keep_smallest(row, room_for(row), kept, where)
            order = np.argsort(row, kind="stable")
            order = order[row[order] < INF][:n_kept]
            assert where[: len(order)].tolist() == order.tolist()
            assert (where[len(order) :] == -1).all()
            assert kept[: len(order)].tolist() == row[order].tolist()
            assert (kept[len(order) :] == INF).all()


@pytest.mark.parametrize("n", SIZES[1:])
@pytest.mark.parametrize("everything", [False, True])
def test_the_band_of_a_score_is_found_whole(n: int, everything: bool) -> None:
    """Whatever part of it lies at the end of a row, with as much room as was counted before."""
    rng = np.random.default_rng(n)
    block = rng.integers(0, 6, (n, n)).astype(np.float32)
    err = rng.choice([0.0, 0.6, 1.1], n).astype(np.float32)
    rows = np.repeat(np.arange(min(n, 20)), 2).astype(np.int32)
    columns = rng.integers(0, n, rows.size).astype(np.int32)
    different = rows != columns
    rows, columns = rows[different], columns[different]
    terms = (2, block, 0, np.zeros(n, np.float32), np.zeros(n), np.zeros(n), err, rows, columns, everything)
    sizes = np.zeros(rows.size, np.int64)
    band_members(*terms, sizes, sizes, np.zeros(0, np.int32), 0, rows.size)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    members = np.full(indptr[-1] + 1, -7, np.int32)
    band_members(*terms, sizes.copy(), indptr, members, 0, rows.size)
    assert members[-1] == -7
    for q, (i, j) in enumerate(zip(rows, columns, strict=True)):
        score = block[i].copy()
        score[i] = INF
        slack = err[j] + err[i] + err[i]
        inside = score - err <= score[j] + slack
        if not everything:
            inside &= score + err >= score[j] - slack
        assert members[indptr[q] : indptr[q + 1]].tolist() == np.flatnonzero(inside).tolist()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("n_kept", [1, 3])
def test_candidates_of_blocks_are_all_that_may_be_nearest(n: int, n_kept: int) -> None:
    """Block after block the bounds are those of all columns so far, and no candidate is left out of a block."""
    rng = np.random.default_rng(n)
    err, n_rows = np.float32(0.25), 5
    here = (np.zeros(n_rows, np.float32), np.zeros(n_rows), np.zeros(n_rows), np.full(n_rows, err))
    uppers = np.full((n_rows, n_kept), INF, np.float32)
    seen: list[np.ndarray[Any, Any]] = []
    for first in (0, n):
        product = rng.integers(0, 40, (n_rows, n)).astype(np.float32)
        there = (np.zeros(n, np.float32), np.zeros(n), np.zeros(n), np.full(n, err))
        own = np.arange(n_rows) - first
        own = np.where((own >= 0) & (own < n), own, -1)
        sizes = np.zeros(n_rows, np.int64)
        fixed = (2, product, own, here, there, uppers)
        tighten(*fixed, sizes, 0, n_rows)
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        members = np.full(indptr[-1] + 1, -7)
        list_candidates(*fixed, indptr, members, 0, n_rows)
        assert members[-1] == -7
        asked = product.copy()
        asked[np.flatnonzero(own >= 0), own[own >= 0]] = np.nan
        seen.append(asked)
        so_far = np.sort(np.concatenate([*seen, np.full((n_rows, n_kept), INF, np.float32)], axis=1), axis=1)
        assert np.array_equal(uppers, so_far[:, :n_kept] + 2 * err)
        for r in range(n_rows):
            reached = np.flatnonzero(asked[r] - err <= uppers[r, -1] + err)
            assert members[indptr[r] : indptr[r + 1]].tolist() == reached.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_distance_is_the_same_wherever_its_pair_stands(dtype: Any) -> None:
    """Beside whichever others, and from either side: to the last bit, or ties would not be ties."""
    for n_features in (1, 2, 7, 8, 9, 31, 64, 65, 100, 257, 1000):
        X = np.random.default_rng(n_features).standard_normal((40, n_features)).astype(dtype)
        left, right = np.arange(20), np.arange(20, 40)
        exact = np.square(X[left].astype(float) - X[right]).sum(axis=1)
        found = np.zeros(20)
        add_squared(X, left, right, 1.0, found, 0, 20)
        np.testing.assert_allclose(found, exact, rtol=1e-13)
        for start in range(4):
            for stop in range(17, 21):
                there = np.zeros(20)
                add_squared(X, right, left, 1.0, there, start, stop)
                assert there[start:stop].tolist() == found[start:stop].tolist()
                assert not there[:start].any()
                assert not there[stop:].any()
