"""Layers that do not exist are refused by the plan, as by the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platoscope.errors import InputError
from platoscope.representations import extract
from platoscope.studies import Comparison, Design, Fixed, Items, Source, Study, get_study, make_plan
from platoscope.studies.plan.estimates import n_layers_of
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable


def _study(comparison: Comparison) -> Study:
    return Study(name="mine", question="What?", design=lambda _: Design(comparisons=(comparison,)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a model of 3 blocks, and so of 4 layers."""
    return str(save_tiny_model("llama", tmp_path_factory.mktemp("tiny") / "model", n_blocks=3))


def _comparison_of(model: str, **changed: object) -> Comparison:
    a, b = Source(model=model, side="a"), Source(model=model, side="b")
    return replace(Comparison(label="x", a=a, b=b, items=Items(data="bible:en-it")), **changed)  # type: ignore[arg-type]


def _with_layers(model: str, layers: tuple[int, ...] | None, **changed: object) -> Comparison:
    found = _comparison_of(model, **changed)
    assert isinstance(found.a, Source)
    assert isinstance(found.b, Source)
    return replace(found, a=replace(found.a, layers=layers), b=replace(found.b, layers=layers))


def test_a_plan_refuses_a_layer_that_does_not_exist_with_the_sentence_of_the_run(tiny: str) -> None:
    """What reading refuses after the model is loaded, the plan refuses before."""
    with pytest.raises(InputError, match="layers must lie between -4 and 3 for ") as of_plan:
        make_plan(_study(_with_layers(tiny, (0, 4))))
    with pytest.raises(InputError) as of_run:
        extract(tiny, ["A sentence of some words."] * 2, layers=(0, 4), store=None)
    assert str(of_plan.value) == str(of_run.value)
    assert make_plan(_study(_with_layers(tiny, (0, 3, -4)))).left_out == ()


def test_studies_that_are_run_together_leave_out_what_has_no_such_layer(
    require_model: Callable[[str], str],
) -> None:
    """Of `run all` other models still have their layers, and the reason is the same sentence."""
    require_model("smollm2-135m")
    plan = make_plan(
        get_study("model-scale"), model=("gemma-3-270m", "smollm2-135m"), layers=[25], skip_missing=True
    )
    assert {item.needs for item in plan.left_out if "smollm2" in item.label} == set()
    assert plan.comparisons
    assert {item.reason for item in plan.left_out} >= {
        "Layers must lie between -19 and 18 for gemma-3-270m, got [25]."
    }


@pytest.mark.parametrize(("layers", "held", "n"), [(None, 4, 4), (None, -5, 4), ((0, 2), 2, 2)])
def test_a_plan_refuses_to_hold_a_layer_that_is_not_there(
    tiny: str, layers: tuple[int, ...] | None, held: int, n: int
) -> None:
    """The layer that a sweep holds by its place is one of those that are kept."""
    fixed = Fixed(side="b", layer=held)
    with pytest.raises(InputError, match=f"'x' holds position {held} of {n} layers"):
        make_plan(_study(_with_layers(tiny, layers, kind="sweep", fixed=fixed)))
    right = Fixed(side="b", layer=n - 1)
    assert make_plan(_study(_with_layers(tiny, layers, kind="sweep", fixed=right))).comparisons


def test_a_plan_says_which_layers_it_keeps_and_where_nobody_knows_whether_they_exist(tiny: str) -> None:
    """The depth of a model of the hub that no catalogue lists is known once it is loaded."""
    known, unknown = (
        [row.detail for row in make_plan(_study(comparison)).describe() if row.section == "extraction"]
        for comparison in (_with_layers(tiny, (1,)), _with_layers("somebody/something", (1, 99)))
    )
    assert [", layers 1;" in row for row in known] == [True, True]
    unsure = ", layers 1, 99 (whether it has them is known once it is loaded);"
    assert [unsure in row for row in unknown] == [True, True]


def test_a_plan_prices_layers_once_however_they_are_counted(tiny: str) -> None:
    """The last layer from the front and from the end is one."""
    few = make_plan(_study(_with_layers(tiny, (3,)))).estimate
    twice = make_plan(_study(_with_layers(tiny, (3, -1)))).estimate
    every = make_plan(_study(_with_layers(tiny, None))).estimate
    assert few.disk is not None
    assert few.disk == twice.disk
    assert every.disk == 4 * few.disk
    assert n_layers_of(Source(model=tiny, layers=(3, -1))) == 1


def test_layers_of_a_model_of_unknown_depth_are_as_many_as_are_named() -> None:
    """However far apart: the layer that is held by its place among them is there."""
    found = _with_layers("some/model", tuple(range(0, 400, 4)))
    held = replace(found, kind="sweep", fixed=Fixed(side="a", layer=99))
    assert n_layers_of(found.a) == 100
    assert make_plan(_study(held), skip_missing=True).left_out == ()
