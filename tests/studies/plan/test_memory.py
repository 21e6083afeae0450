"""The memory that a plan says: of the model, and of the matrices of distances that a comparison holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.layerwise._stacks import make_stacks
from platoscope.measures import ComparisonOptions, choose_measures
from platoscope.studies import Comparison, Design, Fixed, Items, Source, Study, get_study, make_plan
from platoscope.studies.plan import estimates
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from platoscope.studies import Plan

N, LAYERS = 3000, 4
MATRIX = 4 * N * N


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a model of 3 blocks, and so of 4 layers."""
    return str(save_tiny_model("llama", tmp_path_factory.mktemp("tiny") / "model", n_blocks=3))


def _plan(model: str, **kind: Any) -> Plan:
    a, b = (Source(model=model, side=side, pooling="last") for side in ("a", "b"))  # type: ignore[arg-type]
    comparison = Comparison(label="x", a=a, b=b, items=Items(data="bible:en-it"), **kind)
    study = Study(name="mine", question="What?", design=lambda _: Design(comparisons=(comparison,)))
    return make_plan(study, n=N)


@pytest.mark.parametrize(
    ("kind", "n_layers"),
    [
        ({"kind": "profile"}, 2 * LAYERS),
        ({"kind": "grid"}, 2 * LAYERS),
        ({"kind": "token_distance", "distances": (1, 2, 4)}, LAYERS + 3 * LAYERS),
        ({"kind": "sample_size", "fixed": Fixed(side="a", depth=0.5)}, 2),
    ],
)
def test_a_plan_counts_the_matrices_of_all_layers(tiny: str, kind: dict[str, Any], n_layers: int) -> None:
    """Of both sides, of every distance between tokens; the process needs no less."""
    said = _plan(tiny, **kind).estimate
    assert said.matrices == n_layers * MATRIX
    assert said.memory == estimates.BESIDE_WEIGHTS + max(
        said.matrices, estimates.size_of(Source(model=tiny)).size_bytes
    )  # type: ignore[union-attr]


def test_a_study_without_a_model_needs_less() -> None:
    """Neither the library of models nor a batch of states is in memory then."""
    said = make_plan(get_study("rank-synthetic"), n=100).estimate
    assert said.memory is not None
    assert said.matrices < said.memory < estimates.BESIDE_WEIGHTS / 2


def test_a_comparison_holds_what_was_counted() -> None:
    """The matrices of two stacks of layers are as large as the formula says."""
    A = np.random.default_rng(0).standard_normal((2, 300, 8)).astype(np.float32)
    options = ComparisonOptions()
    a, (b,), _ = make_stacks(
        A, [A], choose_measures(options.measures), options, np.random.default_rng(0), None,
        strata=None, n_samples=None, block_size=None,
    )  # fmt: skip
    held = sum(
        space.kept.nbytes
        for stack in (a, b)
        for spaces in stack.prepared
        for space in spaces
        if space.kept is not None
    )
    assert held == 4 * 4 * 300**2


def test_matrices_of_more_than_half_of_what_is_free_are_not_kept(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are computed in blocks, as the plan says, which need little."""
    plan = _plan(tiny, kind="grid")
    monkeypatch.setattr(estimates, "available_memory", lambda: 3 * LAYERS * MATRIX)
    said = estimates.estimate([plan])
    assert dict(said.rows())["matrices"].startswith("in blocks, again and again: 288 MB of distances")
    assert said.memory == estimates.BESIDE_WEIGHTS + max(
        3 * LAYERS * MATRIX // 8,
        estimates.size_of(Source(model=tiny)).size_bytes,  # type: ignore[union-attr]
    )
    monkeypatch.setattr(estimates, "available_memory", lambda: 5 * LAYERS * MATRIX)
    assert dict(estimates.estimate([plan]).rows())["matrices"] == (
        "up to 288 MB of distances in each process that compares"
    )
