"""A comparison that was computed in parts is the one that was computed at once, to the last bit."""

from __future__ import annotations

import io
import pickle
import re
import warnings
from functools import cache

import numpy as np
import pytest

from platoscope import compare, profile
from platoscope.errors import InputError
from platoscope.layerwise import as_stack, part_from_bytes, part_to_bytes, split_comparison, with_ids
from platoscope.measures import MEASURES, ComparisonOptions

N = 120
STRATA = [str(i % 4) for i in range(N)]


def _sides(n_a, n_b, *, constant=False):
    """Give two stacks with copies of an item, and with a layer whose distances tie."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((N, 12)).astype(np.float32)
    sides = [
        [base + (place + 0.5) * rng.standard_normal(base.shape).astype(np.float32) for place in range(n)]
        for n in (n_a, n_b)
    ]
    sides[0][0][7] = sides[0][0][3]
    sides[1][-1] = 1 + np.round(abs(sides[1][-1]))
    if constant:
        sides[0][1] = np.ones((N, 12))
    return [with_ids(as_stack(layers), [f"item {i}" for i in range(N)]) for layers in sides]


def _apart(split):
    """Compute every part, and join what travels back and is kept."""
    found = [pickle.loads(pickle.dumps(split.compute(place))) for place in range(len(split.parts))]
    return split.joined([part_from_bytes(part_to_bytes(part)) for part in found])


# Ridge and Procrustes take a second for a few permutations.
QUICK = ("information_imbalance", "neighborhood_overlap", "cka_debiased", "cka_biased", "cknna", "rsa")


@pytest.mark.parametrize(
    ("measures", "n_permutations"), [(tuple(MEASURES), 9), (QUICK, 0), (QUICK, 20), (QUICK, 150)]
)
@pytest.mark.parametrize("n_parts", [1, 2, 5, 100])
def test_a_grid_in_parts_is_the_grid(n_parts, measures, n_permutations):
    """Values, intervals, nulls, p-values over all cells, items and diagnostics of every measure of the table."""
    split = split_comparison(
        *_sides(5, 4), n_parts, options=_asked(measures, n_permutations), strata=STRATA, seed=3
    )
    assert split.parts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _apart(split).identical(_grid(measures, n_permutations))


def _asked(measures, n_permutations):
    return ComparisonOptions(
        measures=measures,
        n_resamples=6,
        n_permutations=n_permutations,
        items=True,
        transform=("unit",),
    )


@cache
def _grid(measures, n_permutations):
    """Give the grid at once, which all numbers of parts are held against."""
    return compare(*_sides(5, 4), options=_asked(measures, n_permutations), strata=STRATA, rng=3)


@pytest.mark.parametrize("n_permutations", [20, 150])
@pytest.mark.parametrize(
    "how", [{"match": "relative_depth"}, {"match": "index", "layer_a": 2}, {"match": "index", "layer_b": 1}]
)
def test_a_profile_in_parts_is_the_profile(how, n_permutations):
    """Of matched layers, and with either side held."""
    A, B = _sides(5, 4)
    options = ComparisonOptions(
        measures=("information_imbalance", "cka_debiased", "retrieval_at_1"), n_resamples=6,
        n_permutations=n_permutations, transform=("unit",),
    )  # fmt: skip
    split = split_comparison(A, B, 3, options=options, strata=None, seed=3, **how)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _apart(split).identical(profile(A, B, options=options, rng=3, **how))


def test_parts_share_the_work():
    """No pair is computed twice, each part needs few layers, and draws are shared where layers cannot be."""
    A, B = _sides(6, 6)
    options = ComparisonOptions(n_resamples=8, n_permutations=64)
    split = split_comparison(A, B, 4, options=options, strata=None, seed=0)
    blocks = [part for part in split.parts if "information_imbalance" in part.measures]
    draws = [part for part in split.parts if "cka_biased" in part.measures]
    assert sorted(np.concatenate([part.pairs for part in blocks])) == list(range(36))
    assert [tuple(len(set(side)) for side in split.pairs[part.pairs].T) for part in blocks] == [(3, 3)] * 4
    assert [part.share for part in draws] == [(place, 4) for place in range(4)]
    assert len(blocks) + len(draws) == len(split.parts)
    null = [split.compute(place).evaluations for place in range(8)][4]["cka_biased"].null
    assert null is not None
    assert null.shape == (16, 1, 36)


def test_what_does_not_vary_is_named_as_at_once():
    """A constant layer leaves cells missing, with the warning of the whole grid."""
    A, B = _sides(3, 3, constant=True)
    options = ComparisonOptions(measures=("cka_debiased", "information_imbalance"), n_resamples=0)
    split = split_comparison(A, B, 2, options=options, strata=None, seed=0)
    said = []
    for compute in (lambda: _apart(split), lambda: compare(A, B, options=options, rng=0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = compute()
        said.append(sorted({str(each.message) for each in caught}))
        assert found.cka_debiased.isnull().sum() == 3
    assert said[0] == said[1]
    assert any("is undefined in 3 of 9 cells" in each for each in said[0])


def test_what_cannot_be_compared_is_refused():
    """Before any work where it shows, with the words of the profile."""
    A, B = _sides(3, 2)
    with pytest.raises(InputError, match="match='index' needs stacks of the same length"):
        split_comparison(A, B, 2, options=ComparisonOptions(), strata=None, seed=0, match="index")
    with pytest.raises(InputError, match="none does"):
        split_comparison(
            A, B, 2, options=ComparisonOptions(measures=("rsa",), items=True), strata=None, seed=0
        )


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "no part", "a measure is missing", "pickled", "packed in no known way"]
)
def test_what_is_no_part_is_refused(damage):
    """With a sentence; nothing that was pickled is executed."""
    options = ComparisonOptions(measures=("information_imbalance",), n_resamples=0)
    split = split_comparison(*_sides(2, 2), 2, options=options, strata=None, seed=0)
    content = part_to_bytes(split.compute(0))
    if damage in ("a measure is missing", "pickled"):
        with np.load(io.BytesIO(content)) as arrays:
            left = {name: arrays[name] for name in arrays if "values" not in name}
        if damage == "pickled":
            left["information_imbalance/values"] = np.array([{}], dtype=object)
        file = io.BytesIO()
        np.savez(file, **left)
        content = file.getvalue()
    elif damage == "no part":
        file = io.BytesIO()
        np.save(file, np.zeros(3))
        content = file.getvalue()
    elif damage == "packed in no known way":
        content = re.sub(rb"(PK\x01\x02.{6})\0\0", rb"\1c\0", content, flags=re.DOTALL)
    else:
        content = content[: len(content) // 2] if damage == "cut" else b""
    with pytest.raises(InputError, match="no part of a comparison"):
        part_from_bytes(content)
