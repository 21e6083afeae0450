"""Stacks whose items have names: functions of several stacks refuse names that differ, instead of pairing by row."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.layerwise import as_stack, compare, gain_profile, scale_profile, with_ids

NAMES = [f"item {i}" for i in range(40)]


def named(ids, seed=0):
    layers = np.random.default_rng(seed).standard_normal((2, len(ids), 3))
    return with_ids(as_stack(layers, "A"), ids)


def compared(A, B):
    return compare(A, B, n_resamples=0)


def gained(A, B):
    return gain_profile(A, A, B)


@pytest.mark.parametrize("function", [compared, gained, scale_profile])
def test_items_in_another_order_are_refused(function):
    """The first row that differs is named; where one side has no names, rows are taken as they come."""
    swapped = [NAMES[1], NAMES[0], *NAMES[2:]]
    with pytest.raises(InputError, match=r"list different items: row 0 is 'item 0' .* Align them by id"):
        function(named(NAMES), named(swapped))
    with pytest.raises(InputError, match="40.* and 30"):
        function(named(NAMES), named(NAMES[:30]))
    function(named(NAMES), named(NAMES))
    function(named(NAMES), np.random.default_rng(1).standard_normal((2, 40, 3)))
