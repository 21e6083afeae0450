"""Null models beside profiles: which comparisons a study gets, how they are drawn, and where there is no place for them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platoscope.errors import InputError
from platoscope.studies import Comparison, Design, Items, Panel, Plan, Source, Study, get_study, make_plan
from platoscope.studies.design.null_models import beside_null_models
from platoscope.studies.design.records import Choices

if TYPE_CHECKING:
    from collections.abc import Callable

_GEMMA = "gemma-3-270m"
_MAIN = "gemma-3-270m bible:en-it mean(20)"


def _plan(name: str = "translations", **options: Any) -> Plan:
    return make_plan(get_study(name), skip_missing=True, **options)


def test_every_profile_gets_its_null_models() -> None:
    """Untrained models, of one seed or two, read what the trained one reads; shuffled texts are of the same items."""
    plan = _plan(untrained=2, mismatched_seeds=True, shuffle_words=True)
    own = _plan().comparisons
    assert plan.comparisons[: len(own)] == own
    trained = plan.comparison(_MAIN)
    models = {
        "untrained 0": (0, 0),
        "untrained 1": (1, 1),
        "untrained 0 and 1": (0, 1),
        "untrained 1 and 0": (1, 0),
    }
    for words, seeds in models.items():
        found = plan.comparison(f"{_MAIN}, {words}")
        sides = [replace(side, model=f"untrained({seed}):{_GEMMA}")
                 for seed, side in zip(seeds, trained.sides, strict=True)]  # fmt: skip
        assert found == replace(trained, label=found.label, a=sides[0], b=sides[1])
    shuffled = plan.comparison(f"{_MAIN}, words shuffled")
    assert shuffled == replace(trained, label=shuffled.label, items=replace(trained.items, shuffle_words=0))
    # Three profiles are drawn; their grids, curves and controls have none.
    assert len(plan.comparisons) == len(own) + 3 * 5
    assert {item.kind for item in plan.comparisons[len(own) :]} == {"profile"}
    assert [statement.text for statement in plan.statements] == [each.text for each in _plan().statements]


def test_what_is_added_is_counted_and_said() -> None:
    """A plan counts the passes of null models, and its description names each of them."""
    plan, own = _plan(untrained=3, shuffle_words=True), _plan()
    assert (plan.n_passes, own.n_passes) == (10, 2)
    assert plan.estimate.n_tokens == 5 * own.estimate.n_tokens
    said = {row.item: row.detail for row in plan.describe() if row.section == "comparison"}
    assert f"untrained(2):{_GEMMA}" in said[f"{_MAIN}, untrained 2"]
    assert "words shuffled" in said[f"{_MAIN}, words shuffled"]


def test_they_are_baselines_of_the_profile_panels() -> None:
    """A panel of several profiles groups them by kind and condition, one of a lone profile by kind; others stay."""
    plan, own = _plan(untrained=1, shuffle_words=True), _plan()
    panel = plan.panels[0]
    assert panel.options["baselines"] == {
        "untrained": {"last": ["last, untrained 0"], "mean(20)": ["mean(20), untrained 0"]},
        "words shuffled": {"last": ["last, words shuffled"], "mean(20)": ["mean(20), words shuffled"]},
    }
    assert panel.baselines == set(panel.names[2:])
    drawn = dict(zip(panel.names, panel.labels, strict=True))
    assert drawn["mean(20), untrained 0"] == f"{_MAIN}, untrained 0"
    for old, new in zip(own.panels, plan.panels, strict=True):
        assert old.kind == "profile" or old == new
    (lone,) = (panel for panel in _plan("model-asymmetry", untrained=2).panels if panel.kind == "profile")
    assert lone.options["baselines"] == {"untrained": ["untrained 0", "untrained 1"]}


def test_a_study_that_has_them_gets_none_twice() -> None:
    """What null-models compares by itself is not added again; further seeds are."""
    plan, own = (
        _plan("null-models", untrained=3, mismatched_seeds=True, shuffle_words=True),
        _plan("null-models"),
    )
    assert plan.comparisons == own.comparisons
    more = _plan("null-models", untrained=4)
    assert [item.label for item in more.comparisons[len(own.comparisons) :]] == [
        "gemma-3-270m bible:en-it trained, untrained 3"
    ]
    assert more.panels[0].options["baselines"]["untrained"] == ["seed 0", "seed 1", "seed 2", "untrained 3"]


def test_only_texts_are_shuffled_and_only_trained_models_have_a_twin() -> None:
    """In misalignment's panels of shuffled pairs nothing is added; nor are words of an untrained model's texts shuffled."""
    items = Items(data="bible:en-it")
    side = Source(model=_GEMMA)
    drawn = Comparison(label="drawn", a=side, b=replace(side, side="b"), items=items)
    free = replace(drawn, label="free", shuffle="free")
    random = replace(drawn, label="random", a=replace(side, model=f"untrained(7):{_GEMMA}"))
    two = replace(drawn, label="two", b=replace(side, model="smollm2-135m"))
    images = replace(drawn, label="images", items=replace(items, data="emoji"))
    hidden = replace(drawn, label="hidden", match="relative_depth")
    every = (drawn, free, random, two, images, hidden)
    panel = Panel(kind="profile", labels=tuple(item.label for item in every[:-1]), title="all")
    design = beside_null_models(
        Design(comparisons=every, panels=(panel,)),
        Choices(untrained=2, mismatched_seeds=True, shuffle_words=True),
    )
    seeds = ("untrained 0", "untrained 1")
    crossed = ("untrained 0 and 1", "untrained 1 and 0")
    assert [item.label for item in design.comparisons[len(every) :]] == [
        *(f"drawn, {words}" for words in (*seeds, *crossed, "words shuffled")),
        *(f"two, {words}" for words in (*seeds, "words shuffled")),
        *(f"images, {words}" for words in (*seeds, *crossed)),
    ]


@pytest.mark.parametrize(
    ("name", "options", "words", "kind"),
    [
        ("rank-synthetic", {"untrained": 3}, "draws no profile", ""),
        ("aggregation", {"shuffle_words": True}, "draws no profile", ""),
        ("same-class-images", {"shuffle_words": True}, "no words to shuffle", ", words shuffled"),
        ("model-asymmetry", {"untrained": 2, "mismatched_seeds": True}, "mismatched already", ", untrained, two seeds"),
        ("translations", {"untrained": 1, "model": f"untrained(0):{_GEMMA}"}, "null models .* already", ""),
    ],
)  # fmt: skip
def test_a_study_without_a_place_for_them_refuses_or_says_so(
    name: str, options: dict[str, Any], words: str, kind: str, require_model: Callable[[str], str]
) -> None:
    """Alone such a study is an error; among all of them it runs with those that it can have, and its plan says why."""
    if name == "model-asymmetry":
        require_model("smollm2-135m")
    with pytest.raises(InputError, match=f"study '{name}' has no place for the null models .*{words}"):
        make_plan(get_study(name), **options)
    plan = _plan(name, **options)
    (gone,) = [item for item in plan.left_out if item.label.startswith("null")]
    assert re.search(words, gone.reason)
    assert gone.label == f"null models of the network{kind}"
    own = _plan(name, **({"model": options["model"]} if "model" in options else {}))
    added = len(plan.comparisons) - len(own.comparisons)
    assert added == (2 if name == "model-asymmetry" else 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"untrained": -1}, "untrained must be a whole number"),
        ({"untrained": True}, "untrained must be a whole number"),
        ({"untrained": "3"}, "untrained must be a whole number"),
        ({"untrained": 101}, "from 0 to 100"),
        ({"untrained": 2, "mismatched_seeds": 1}, "mismatched_seeds must be True or False"),
        ({"shuffle_words": "yes"}, "shuffle_words must be True or False"),
        ({"mismatched_seeds": True}, "2 seeds or more, but of 0"),
        ({"untrained": 1, "mismatched_seeds": True}, "2 seeds or more, but of 1"),
        ({"untrained": 1, "settings": {"device_map": "auto"}}, "cannot be spread over devices"),
        (
            {"model": f"untrained(0):{_GEMMA}", "settings": {"device_map": "auto"}},
            "cannot be spread over devices",
        ),
    ],
)
def test_wrong_numbers_and_flags_are_refused(options: dict[str, Any], words: str) -> None:
    """What is no number of seeds or no flag is an error before anything is read."""
    with pytest.raises(InputError, match=words):
        make_plan(get_study("translations"), **options)


def test_a_study_of_ones_own_has_them_too() -> None:
    """The options are no matter of the study: any design with a profile panel gets them."""
    side = Source(model=_GEMMA)
    comparison = Comparison(label="mine", a=side, b=replace(side, side="b"), items=Items(data="bible:en-fr"))
    panel = Panel(kind="profile", labels=("mine",), title="mine", options={"baselines": {}})
    design = Design(comparisons=(comparison,), panels=(panel,))
    plan = make_plan(Study(name="mine", question="?", design=lambda _: design), untrained=1)
    assert [item.label for item in plan.comparisons] == ["mine", "mine, untrained 0"]
    assert plan.panels[0].options == {"baselines": {"untrained": ["untrained 0"]}}


def _mine(*labels: str, names: tuple[str, ...] = (), baselines: object = None) -> Study:
    """Give a study of the user's with a profile of each label, over data of its own."""
    side = Source(model=_GEMMA)
    data = ("bible:en-fr", "bible:en-it")
    comparisons = tuple(
        Comparison(label=label, a=side, b=replace(side, side="b"), items=Items(data=each))
        for label, each in zip(labels, data, strict=False)
    )
    options = {} if baselines is None else {"baselines": baselines}
    panel = Panel(kind="profile", labels=labels, names=names, title="mine", options=options)
    return Study(name="mine", question="?", design=lambda _: Design(comparisons=comparisons, panels=(panel,)))


def test_another_comparison_is_never_taken_for_a_null_model() -> None:
    """Where the study calls something else what a null model is called, in a label or a name, it is refused."""
    with pytest.raises(InputError, match="calls a comparison of its own 'mine, untrained 0'"):
        make_plan(_mine("mine", "mine, untrained 0"), untrained=1)
    make_plan(_mine("mine", "mine, untrained 1"), untrained=1)
    with pytest.raises(InputError, match="names more than one comparison 'last, untrained 0'"):
        make_plan(_mine("mine", "other", names=("last", "last, untrained 0")), untrained=1)


@pytest.mark.parametrize(
    ("baselines", "words"),
    [
        ("untrained", "baselines of panel 'mine' must be a mapping"),
        (["untrained"], "baselines of panel 'mine' must be a mapping"),
        ({"untrained": "seed 0"}, "baselines 'untrained' of panel 'mine' must be a sequence of names"),
        ({"untrained": {"mine": "seed 0"}}, "baselines 'untrained' of panel 'mine' must be a sequence of names"),
    ],
)  # fmt: skip
def test_baselines_that_are_none_are_refused(baselines: object, words: str) -> None:
    """A panel of the user's that has baselines in another shape is named before anything is read."""
    with pytest.raises(InputError, match=words):
        make_plan(_mine("mine", baselines=baselines), untrained=1)


def test_a_label_of_the_model_is_that_of_its_untrained_ones() -> None:
    """What a user calls a model, its untrained ones are called as well, unless they have labels of their own."""
    name = f"untrained(1):{_GEMMA}"
    assert Choices(labels={_GEMMA: "Gemma"}).called(name) == "Gemma untrained(1)"
    assert Choices(labels={_GEMMA: "Gemma", name: "Noise"}).called(name) == "Noise"
    assert Choices(labels={_GEMMA: "Gemma", f"{_GEMMA} untrained(1)": "Noise"}).called(name) == "Noise"
    assert Choices().called(f"untrained(1):a/{_GEMMA}", f"b/{_GEMMA}") == f"a/{_GEMMA} untrained(1)"
