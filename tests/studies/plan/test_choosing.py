"""What a user chooses is in the plan, or refused: nothing that was given is dropped in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platoscope.errors import InputError
from platoscope.studies import get_study, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

TWO_POOLINGS = {"pooling": ["mean", "last"]}
TWO_PAIRS = {"pairs": ["bible:en-it", "bible:en-fr"]}


@pytest.mark.parametrize(
    ("study", "given", "unused"),
    [
        ("rank-synthetic", {"model": "gemma-3-270m"}, "--model gemma-3-270m"),
        ("rank-synthetic", {"layers": [0, -1]}, "--layers 0,-1"),
        ("rank-synthetic", {"min_tokens": 5, "max_tokens": 9}, "--min-tokens 5, --max-tokens 9"),
        ("rank-synthetic", {"near_duplicates": 0.5}, "--near-duplicates 0.5"),
        (
            "rank-synthetic",
            {"final_norm": False, "encoding": "latin-1"},
            "--no-final-norm, --encoding latin-1",
        ),
        ("shared-features", {"final_norm": True}, "--final-norm"),
        ("shared-features", TWO_PAIRS, "--pairs bible:en-it, --pairs bible:en-fr"),
        ("predictability", TWO_POOLINGS, "--pooling last"),
        ("token-distance", TWO_PAIRS, "--pairs bible:en-fr"),
        ("token-distance", {"pooling": "last"}, "--pooling last"),
        ("aggregation", {"model": ["gemma-3-270m", "smollm2-135m"]}, "--model smollm2-135m"),
    ],
)
def test_what_no_comparison_takes_is_refused(study: str, given: dict[str, Any], unused: str) -> None:
    """Each option is named; among several values, those that would have been dropped."""
    with pytest.raises(InputError) as refused:
        make_plan(get_study(study), **given)
    assert str(refused.value) == (
        f"no comparison of study '{study}' takes {unused}. Leave out what it does not take."
    )


@pytest.mark.parametrize(
    ("study", "given"),
    [
        ("translations", {"model": "gemma-3-270m", "pooling": ["mean", "last"], "min_tokens": 3}),
        ("translations", {**TWO_PAIRS, "layers": [0, -1], "final_norm": True}),
        ("null-models", {"untrained": 2, "model": "gemma-3-270m"}),
        ("intrinsic-dimension", TWO_POOLINGS),
        ("rank-synthetic", {"n": 100, "seed": 3}),
    ],
)
def test_what_is_taken_is_in_the_plan(
    study: str, given: dict[str, Any], require_model: Callable[[str], str]
) -> None:
    """The study's own values count as taken too."""
    if study == "intrinsic-dimension":
        require_model("smollm2-135m")
    assert make_plan(get_study(study), **given).comparisons


def test_of_several_studies_each_takes_what_it_can() -> None:
    """`run all --model` is for those that read a model."""
    plan = make_plan(get_study("rank-synthetic"), model="gemma-3-270m", skip_missing=True)
    assert [comparison.label for comparison in plan.comparisons] == ["D = 20"]
