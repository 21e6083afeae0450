"""The quick check of an installation sees what is off."""

from __future__ import annotations

import numpy as np
import pytest

from platoscope.testing.exactness import check_exactness


def test_arrays_of_torch_agree() -> None:
    """Tensors give what the references give for the same numbers."""
    torch = pytest.importorskip("torch")
    assert all(each.agrees for each in check_exactness(torch.as_tensor))


def test_lost_digits_are_seen() -> None:
    """Where numbers are rounded on their way, the check says so; whole numbers come through."""
    found = check_exactness(lambda values: np.round(values, 2))
    assert {each.arrays for each in found if not each.agrees} == {"near", "random"}
