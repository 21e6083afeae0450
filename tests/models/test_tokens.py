"""Plans of batches, and reading positions from states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from platoscope.models.forward import read
from platoscope.models.tokens import plan_batches


@given(
    st.lists(st.integers(0, 300), max_size=60),
    st.integers(1, 500),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(1, 200)),
)
def test_a_plan_holds_every_item_once_within_the_budget(
    lengths: list[int], budget: int, n_special: int, max_tokens: int | None
) -> None:
    """Every item is in exactly one batch, batches go from long to short, and padded tokens stay in the budget."""
    sizes = np.array(lengths, dtype=np.int64)
    plan = plan_batches(sizes, tokens_per_batch=budget, n_special=n_special, max_tokens=max_tokens)
    assert sorted(np.concatenate([np.zeros(0, int), *plan]).tolist()) == list(range(len(lengths)))
    padded = np.minimum(sizes, max_tokens or 10**6) + n_special
    longest = [int(padded[batch].max()) for batch in plan]
    assert longest == sorted(longest, reverse=True)
    assert all(
        len(batch) == 1 or len(batch) * size <= budget for batch, size in zip(plan, longest, strict=True)
    )


def test_a_plan_is_the_same_every_time() -> None:
    """Equal lengths stay in the order given, so that a run that was interrupted plans the same batches again."""
    sizes = np.tile([5, 7], 10)
    options = {"tokens_per_batch": 40, "n_special": 1, "max_tokens": None}
    first, second = plan_batches(sizes, **options), plan_batches(sizes, **options)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]
    assert first[0].tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_means_accumulate_in_float32(dtype: torch.dtype) -> None:
    """A mean over 512 equal states is that state; bfloat16 could not count that far."""
    value = torch.tensor(1.0 / 3.0).to(dtype)
    hidden = value.expand(1, 512, 4)
    by_mask = read(hidden, mask=torch.ones(1, 512, dtype=torch.bool))
    by_index = read(hidden, index=torch.arange(512)[None], average=True)
    by_range = read(hidden, first=0)
    for mean in (by_mask, by_index, by_range):
        assert mean.dtype == torch.float32
        torch.testing.assert_close(mean, torch.full((1, 4), float(value)), rtol=1e-6, atol=0)


def test_padding_may_hold_anything() -> None:
    """Attention may leave NaN at padded positions; they do not reach the mean."""
    hidden = torch.full((1, 4, 2), torch.nan)
    hidden[:, 1:3] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    mask = torch.tensor([[False, True, True, False]])
    mean = read(hidden, mask=mask)
    torch.testing.assert_close(mean, torch.tensor([[2.0, 3.0]]))
