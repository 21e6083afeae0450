"""The names of a result's variables lead back to the measures they belong to."""

from __future__ import annotations

import numpy as np

import platoscope
from platoscope.layerwise import DIAGNOSTICS
from platoscope.measures import MEASURES, PARTS, find_measure, split_variable


def test_every_variable_of_a_result_belongs_to_a_measure() -> None:
    """What `profile`, `simultaneous_bands` and `n_curve` write splits into a measure or its gap, and a known part.

    Diagnostics of the spaces belong to no measure.
    """
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 60, 3))
    B = A + rng.standard_normal((2, 60, 3))
    result = platoscope.profile(A, B, measures=list(MEASURES), n_resamples=10, n_permutations=3, rng=0)
    curve = platoscope.n_curve(A[0], B[0], measures=list(MEASURES), sizes=[20], n_draws=1, rng=0)
    result = platoscope.layerwise.simultaneous_bands(result)
    quantities = {*MEASURES, *(measure.gap for measure in MEASURES.values() if measure.gap)}
    names = [str(name) for data in (result, curve) for name in data.data_vars if name not in DIAGNOSTICS]
    found = [split_variable(name) for name in names]
    assert {quantity for quantity, _ in found} == quantities
    assert {part for _, part in found} == {"", *PARTS}


def test_no_measure_is_taken_for_a_part() -> None:
    """A name of the table is the measure itself, and a part leads to its measure."""
    for name, measure in MEASURES.items():
        assert split_variable(name) == (name, "")
        assert find_measure(name) is measure
        assert all(find_measure(f"{name}_{part}") is measure for part in PARTS)
    assert find_measure("mine_null") is None
