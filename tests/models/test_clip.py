"""Clipping the values of an item's tokens before pooling, against quantiles taken one item at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from platoscope.errors import InputError
from platoscope.models import load_model, parse_poolings
from platoscope.models.forward import clip_bounds, ends_by_selecting, ends_by_sorting, read

from .conftest import pool_naively, text_states

if TYPE_CHECKING:
    from collections.abc import Callable

POOLINGS = parse_poolings("last,mean,mean(5),concat(3),token(6)")


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_clipping_agrees_with_quantiles_of_one_item_at_a_time(
    architecture: str, padding_side: Any, tiny: Callable[..., str], texts: list[str]
) -> None:
    """Every pooling reads states clipped at the quantiles of all values of the item's own tokens of that layer."""
    folder = tiny(architecture)
    model = load_model(folder, dtype="float32", device="cpu", padding_side=padding_side, clip=0.05)
    pooled = model.encode(texts, POOLINGS)
    plain = replace(model, clip=None).encode(texts, POOLINGS)
    for i, text in enumerate(texts):
        states, _, special = text_states(folder, text, dtype="float32")
        clipped = []
        for state in states:
            low, high = np.quantile(state[~special], [0.05, 0.95])  # the dropped tokens count as well
            clipped.append(np.clip(state, low, high))
        for pooling in POOLINGS:
            expected = pool_naively(clipped, special, pooling)
            np.testing.assert_allclose(
                pooled[str(pooling)][:, i], expected, atol=2e-5 * np.abs(expected).max()
            )
    assert np.abs(plain["last"] - pooled["last"]).max() > 0.1


def test_bounds_ignore_what_lies_outside_of_the_own_tokens() -> None:
    """Padding may hold anything, NaN included, and special tokens have no say."""
    rng = np.random.default_rng(0)
    hidden = torch.from_numpy(rng.standard_normal((2, 7, 12)).astype(np.float32))
    own = torch.tensor([[False, True, True, True, False, False, False], [False, *[True] * 6]])
    hidden[0, 4:] = torch.nan
    hidden[:, 0] = 1e6
    expected = [np.quantile(hidden[i][own[i]].numpy().astype(np.float64), [0.1, 0.9]) for i in range(2)]
    np.testing.assert_allclose(clip_bounds(hidden, own, 0.1).numpy(), expected, rtol=1e-6)


def test_sorting_on_a_device_and_selecting_on_the_host_agree_exactly() -> None:
    """The order statistics behind the bounds are the same however they are found."""
    rng = np.random.default_rng(1)
    hidden = torch.from_numpy(rng.standard_normal((3, 9, 10)).astype(np.float32)).bfloat16()
    own = torch.from_numpy(rng.random((3, 9)) < 0.7)
    own[:, 0] = True
    order = torch.tensor([[0, 1, 7, 9]] * 3)
    selected = ends_by_selecting(hidden, own, order)
    assert torch.equal(selected, ends_by_sorting(hidden, own, order))
    values = [np.sort(hidden[i][own[i]].float().numpy().ravel()) for i in range(3)]
    np.testing.assert_array_equal(selected.numpy(), [row[[0, 1, 7, 9]] for row in values])


@pytest.mark.parametrize(
    "made", ["normal", "heavy tails", "two values", "constant", "sorted", "with NaN", "with inf"]
)
@pytest.mark.parametrize("q", [0.001, 0.05, 0.3, 0.49])
def test_order_statistics_of_many_values_are_exact(made: str, q: float) -> None:
    """Looked for in the tails alone, they are those of all values sorted, whatever the values are."""
    rng = np.random.default_rng(2)
    rows = {
        "normal": rng.standard_normal((2, 50, 64)),
        "heavy tails": rng.standard_cauchy((2, 50, 64)),
        "two values": rng.integers(0, 2, (2, 50, 64)),
        "constant": np.ones((2, 50, 64)),
        "sorted": np.sort(rng.standard_normal((2, 3200)), axis=1).reshape(2, 50, 64),
        "with NaN": np.where(rng.random((2, 50, 64)) < 0.02, np.nan, rng.standard_normal((2, 50, 64))),
        "with inf": np.where(rng.random((2, 50, 64)) < 0.02, np.inf, rng.standard_normal((2, 50, 64))),
    }[made]
    hidden = torch.from_numpy(rows.astype(np.float32))
    places = [int(q * 3199), int((1 - q) * 3199), int(q * 3199) + 1, int((1 - q) * 3199) + 1]
    found = ends_by_selecting(hidden, torch.ones((2, 50), dtype=torch.bool), torch.tensor([places] * 2))
    expected = np.sort(rows.reshape(2, -1).astype(np.float32), axis=1)[:, places]
    np.testing.assert_array_equal(found.numpy(), expected)


def test_low_precision_states_are_clipped_in_float32() -> None:
    """Bounds between two bfloat16 values are not rounded back to bfloat16."""
    hidden = torch.linspace(-1, 1, 24, dtype=torch.bfloat16).reshape(1, 4, 6)
    own = torch.ones((1, 4), dtype=torch.bool)
    bounds = clip_bounds(hidden, own, 0.05)
    states = read(hidden, first=0, bounds=bounds)
    expected = hidden.float().clamp(bounds[0, 0], bounds[0, 1]).mean(dim=1)
    assert states.dtype == torch.float32
    np.testing.assert_array_equal(states.numpy(), expected.numpy())


def test_an_item_without_tokens_of_its_own_is_refused(tiny: Callable[..., str]) -> None:
    """Nothing bounds the values of an item that has special tokens only, so that it is named."""
    model = load_model(tiny("bert"), dtype="float32", device="cpu", clip=0.05)
    with pytest.raises(InputError, match=r"1 of the 2 items of a batch have no token of their own.*item 1"):
        model.encode(["a verse", ""], parse_poolings("cls"))


def test_the_share_is_checked_and_recorded(tiny: Callable[..., str]) -> None:
    """What was clipped stands in the provenance, and so in the key of what is stored; nothing does where nothing was."""
    for wrong in (0.0, 0.5, -0.1, float("nan")):
        with pytest.raises(InputError, match="clip must be None or between 0 and 0.5"):
            load_model(tiny("llama"), clip=wrong)
    assert load_model(tiny("llama"), device="cpu", clip=0.05).provenance["clip"] == 0.05
    assert "clip" not in load_model(tiny("llama"), device="cpu").provenance


def test_patches_of_an_image_are_clipped(tiny: Callable[..., str], images: list[Any]) -> None:
    """The class token has no say in the quantiles, and is clipped at them."""
    model = load_model(tiny("vit"), dtype="float32", device="cpu", clip=0.1)
    kept = parse_poolings("mean,cls")
    clipped, plain = model.encode(images, kept), replace(model, clip=None).encode(images, kept)
    assert np.abs(clipped["mean"]).max() < np.abs(plain["mean"]).max()
    assert not np.array_equal(clipped["cls"], plain["cls"])
