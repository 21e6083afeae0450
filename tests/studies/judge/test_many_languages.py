"""Statements about a matrix of texts answer all three ways."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from platoscope.studies.paper.many_languages import first_predicts_best, more_tokens_lie_farther

TOKENS = np.array([10.0, 12.0, 14.0, 18.0])


def _matrix(first: list[float], others: float, *, spread: float = 0.001) -> xr.Dataset:
    """Give four texts: Δ between the first one and each other, and Δ among these."""
    delta = np.full((4, 4), others)
    delta[0, 1:] = delta[1:, 0] = first
    np.fill_diagonal(delta, 0.002)
    both = np.stack([delta, delta.T])
    draws = both + np.random.default_rng(0).normal(0, spread, (40, 2, 4, 4))
    dims = ("direction", "text_a", "text_b")
    names = ["en", "it", "ja", "ko"]
    return xr.Dataset(
        {
            "information_imbalance": (dims, both),
            "information_imbalance_resamples": (("resample", *dims), draws),
        },
        {"direction": ["a_to_b", "b_to_a"], "text_a": names, "text_b": names, "tokens": ("text_a", TOKENS)},
        {"n_samples": 1000, "resample_fraction": 0.25, "seed": "0"},
    )


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (_matrix([0.2, 0.2, 0.2], 0.3), "held"),
        (_matrix([0.3, 0.3, 0.3], 0.2), "did not hold"),
        (_matrix([0.2, 0.2, 0.2], 0.3, spread=1.0), "not decided"),
    ],
)
def test_the_first_text_predicts_best(result: xr.Dataset, answer: str) -> None:
    """From the first text against from the others; the diagonal has no say."""
    finding = first_predicts_best("x", text=".").check({"x": result})
    assert finding.answer == answer
    assert ("from the others 0.300" in finding.evidence) == (answer != "did not hold")


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        (_matrix([0.2, 0.22, 0.26], 0.3), "held"),
        (_matrix([0.26, 0.24, 0.2], 0.3), "did not hold"),
        (_matrix([0.2, 0.22, 0.26], 0.3, spread=1.0), "not decided"),
        (
            _matrix([0.2, 0.22, 0.26], 0.3).assign_coords(tokens=("text_a", [10.0, 12.0, 12.0, 12.0])),
            "not decided",
        ),
    ],
)
def test_more_tokens_lie_farther(result: xr.Dataset, answer: str) -> None:
    """The slope is that of a line; texts of one length have none."""
    finding = more_tokens_lie_farther("x", text=".").check({"x": result})
    assert finding.answer == answer
    if answer == "held":
        # 0.02 for each 0.2 of the tokens.
        assert "(1.20 to 1.80) +0.100" in finding.evidence
