"""Triton kernels of the loops that would otherwise hold a number per query and item: what `_kernels` is on a CPU.

Scores and bounds are those of `_kernels`. They run without contraction of products and sums, so that a score has the
same bits in each of them. Comments there say why; names are the same.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = [
    "band_members",
    "center_rows",
    "column_sums",
    "count_closer",
    "nearest",
    "row_moments",
    "squared_distances",
]


@triton.jit
def _scores(g, i, j, valid, sq, along, inverse, alike, KIND: tl.constexpr, COPIES: tl.constexpr):
    if KIND == 0:
        score = tl.load(sq + i) + tl.load(sq + j, mask=valid, other=0.0) - 2.0 * g
    else:
        dot = g.to(tl.float64) + tl.load(along + i) + tl.load(along + j, mask=valid, other=0.0)
        inverses = tl.load(inverse + j, mask=valid, other=0.0)
        score = (1.0 - dot * tl.load(inverse + i) * inverses).to(tl.float32)
    if COPIES:
        score = tl.where(tl.load(alike + j, mask=valid, other=-1) == tl.load(alike + i), float("-inf"), score)
    return tl.where((j == i) | (valid == 0), float("inf"), score)


@triton.jit
def nearest(
    gram, stride, start, n, sq, along, inverse, alike, indices, scores,
    KIND: tl.constexpr, COPIES: tl.constexpr, KEPT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the KEPT smallest scores of each stretch of BLOCK columns of each row, ascending."""
    row = tl.program_id(0)
    here = tl.arange(0, BLOCK)
    column = tl.program_id(1) * BLOCK + here
    valid = column < n
    g = tl.load(gram + row.to(tl.int64) * stride + column, mask=valid, other=0.0)
    score = _scores(g, start + row, column, valid, sq, along, inverse, alike, KIND, COPIES)
    out = (row.to(tl.int64) * tl.num_programs(1) + tl.program_id(1)) * KEPT
    for place in range(KEPT):
        value, where = tl.min(score, axis=0, return_indices=True)
        tl.store(scores + out + place, value)
        tl.store(indices + out + place, (tl.program_id(1) * BLOCK + where).to(tl.int64))
        score = tl.where(here == where, float("inf"), score)


@triton.jit
def count_closer(
    gram, stride, start, n, sq, along, inverse, err, alike, indptr, columns, below, within,
    KIND: tl.constexpr, COPIES: tl.constexpr, TOGETHER: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Count the items surely closer than the queried ones of each row, and those possibly not farther."""
    row = tl.program_id(0)
    i = start + row
    line = gram + row.to(tl.int64) * stride
    first = tl.load(indptr + row)
    last = tl.load(indptr + row + 1)
    here = tl.arange(0, BLOCK)
    twice = tl.load(err + i)
    for query in range(first, last, TOGETHER):
        asked = query + tl.arange(0, TOGETHER)
        live = asked < last
        j = tl.load(columns + asked, mask=live, other=0)
        score = _scores(tl.load(line + j), i, j, live, sq, along, inverse, alike, KIND, COPIES)
        slack = tl.load(err + j) + twice + twice
        low = score - slack
        high = score + slack
        n_below = tl.zeros([TOGETHER, BLOCK], tl.int32)
        n_within = tl.zeros([TOGETHER, BLOCK], tl.int32)
        for begin in range(0, n, BLOCK):
            column = begin + here
            valid = column < n
            g = tl.load(line + column, mask=valid, other=0.0)
            others = _scores(g, i, column, valid, sq, along, inverse, alike, KIND, COPIES)
            error = tl.load(err + column, mask=valid, other=0.0)
            n_below += ((others + error)[None, :] < low[:, None]).to(tl.int32)
            n_within += ((others - error)[None, :] <= high[:, None]).to(tl.int32)
        tl.store(below + asked, tl.sum(n_below, axis=1), mask=live)
        tl.store(within + asked, tl.sum(n_within, axis=1), mask=live)


@triton.jit
def band_members(
    gram, stride, start, n, sq, along, inverse, err, alike, rows, columns, indptr, members, sizes,
    KIND: tl.constexpr, COPIES: tl.constexpr, EVERYTHING: tl.constexpr, WRITE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """List the points that a score cannot tell from (row, column), or only count them; the column itself is one."""
    query = tl.program_id(0)
    row = tl.load(rows + query)
    j = tl.load(columns + query)
    i = start + row
    line = gram + row * stride
    here = tl.arange(0, BLOCK)
    twice = tl.load(err + i)
    score = _scores(tl.load(line + j), i, j, j >= 0, sq, along, inverse, alike, KIND, COPIES)
    slack = tl.load(err + j) + twice + twice
    low = score - slack
    high = score + slack
    found = row * 0
    if WRITE:
        found = tl.load(indptr + query)
    for begin in range(0, n, BLOCK):
        column = begin + here
        valid = column < n
        g = tl.load(line + column, mask=valid, other=0.0)
        others = _scores(g, i, column, valid, sq, along, inverse, alike, KIND, COPIES)
        error = tl.load(err + column, mask=valid, other=0.0)
        inside = (others - error) <= high
        if not EVERYTHING:
            inside = inside & ((others + error) >= low)
        n_inside = tl.sum(inside.to(tl.int32), axis=0)
        if WRITE:  # noqa: SIM102 - the first is decided when the kernel is compiled
            if n_inside > 0:
                place = found + tl.cumsum(inside.to(tl.int32), axis=0) - 1
                tl.store(members + place, column.to(tl.int64), mask=inside)
        found += n_inside
    if not WRITE:
        tl.store(sizes + query, found)


@triton.jit
def squared_distances(
    X, n_features, left, right, left_norm, right_norm, out, DIVIDE: tl.constexpr, BLOCK: tl.constexpr
):
    """Add the squared distance of rows left and right, from differences in float64."""
    pair = tl.program_id(0)
    a = X + tl.load(left + pair) * n_features
    b = X + tl.load(right + pair) * n_features
    here = tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float64)
    for begin in range(0, n_features, BLOCK):
        feature = begin + here
        x = tl.load(a + feature, mask=feature < n_features, other=0.0).to(tl.float64)
        y = tl.load(b + feature, mask=feature < n_features, other=0.0).to(tl.float64)
        if DIVIDE:
            x = x / tl.load(left_norm + pair)
            y = y / tl.load(right_norm + pair)
        total += (x - y) * (x - y)
    tl.store(out + pair, tl.load(out + pair) + tl.sum(total, axis=0))


@triton.jit
def column_sums(
    X, n, n_features, sums, peaks, SQUARES: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    """Write the sums of ROWS rows by column, or those of their squares, and their largest absolute values."""
    feature = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = feature < n_features
    total = tl.zeros([BLOCK], tl.float64)
    peak = tl.zeros([BLOCK], tl.float64)
    first = tl.program_id(1) * ROWS
    for row in range(first, tl.minimum(first + ROWS, n)):
        x = tl.load(X + row.to(tl.int64) * n_features + feature, mask=valid, other=0.0).to(tl.float64)
        peak = tl.maximum(peak, tl.abs(x))
        if SQUARES:
            x = x * x
        total += x
    out = tl.program_id(1).to(tl.int64) * n_features + feature
    tl.store(sums + out, total, mask=valid)
    tl.store(peaks + out, peak, mask=valid)


@triton.jit
def center_rows(
    X, n_features, center, scale, odd, Z, sq, along, raw, codes, DOUBLE: tl.constexpr, BLOCK: tl.constexpr
):  # fmt: skip
    """Write ``scale * (X - center)`` as float32; add its squared norm, and three more sums; see `_device_passes`."""
    row = tl.program_id(0)
    line = row.to(tl.int64) * n_features
    here = tl.arange(0, BLOCK)
    factor = tl.load(scale)
    norm = tl.zeros([BLOCK], tl.float64)
    dot = tl.zeros([BLOCK], tl.float64)
    raw_norm = tl.zeros([BLOCK], tl.float64)
    code = tl.zeros([BLOCK], tl.int64)
    for begin in range(0, n_features, BLOCK):
        feature = begin + here
        valid = feature < n_features
        x = tl.load(X + line + feature, mask=valid, other=0.0)
        # -0.0 is at distance 0 from 0.0
        plain = tl.where(x == 0.0, 0.0, x)
        bits = plain.to(tl.int64, bitcast=True) if DOUBLE else plain.to(tl.int32, bitcast=True).to(tl.int64)
        code += tl.where(valid, bits * tl.load(odd + feature, mask=valid, other=0), 0)
        value = x.to(tl.float64)
        middle = tl.load(center + feature, mask=valid, other=0.0)
        z = ((value - middle) * factor).to(tl.float32)
        tl.store(Z + line + feature, z, mask=valid)
        norm += z.to(tl.float64) * z.to(tl.float64)
        value = value * factor
        dot += value * (middle * factor)
        raw_norm += value * value
    tl.store(sq + row, tl.load(sq + row) + tl.sum(norm, axis=0))
    tl.store(along + row, tl.load(along + row) + tl.sum(dot, axis=0))
    tl.store(raw + row, tl.load(raw + row) + tl.sum(raw_norm, axis=0))
    tl.store(codes + row, tl.load(codes + row) + tl.sum(code, axis=0))


@triton.jit
def row_moments(gram, stride, n, sums, squares, BLOCK: tl.constexpr):
    """Write the sum and the sum of squares of each row, in float64."""
    row = tl.program_id(0)
    line = gram + row.to(tl.int64) * stride
    here = tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float64)
    square = tl.zeros([BLOCK], tl.float64)
    for begin in range(0, n, BLOCK):
        column = begin + here
        g = tl.load(line + column, mask=column < n, other=0.0).to(tl.float64)
        total += g
        square += g * g
    tl.store(sums + row, tl.sum(total, axis=0))
    tl.store(squares + row, tl.sum(square, axis=0))
