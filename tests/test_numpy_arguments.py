"""A text, number or truth value of NumPy is taken like that of Python: names come out of arrays, tables and results."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from platoscope import (
    compare,
    information_imbalance,
    layerwise,
    measures,
    neighborhood_overlap,
    neighbors,
    prepare,
)
from platoscope.checks import check_types, one_of, plain, word
from platoscope.models import Pooling
from platoscope.studies import Comparison, Fixed, Items, Source, get_study, make_plan
from platoscope.studies.run.runs import plan_to

X = np.random.default_rng(0).standard_normal((24, 4))
Y = X + np.random.default_rng(1).standard_normal((24, 4))


class _Name(str):
    """A text of a class of one's own, as libraries have."""


CALLS = {
    "information_imbalance": (
        information_imbalance, (X, Y), {"ties": "min", "metric": "cosine", "n_neighbors": 2, "transform": "unit"},
    ),
    "split": (information_imbalance, (X, Y), {"estimator": "split", "rng": 3}),
    "neighborhood_overlap": (neighborhood_overlap, (X, Y), {"metric": "euclidean", "n_neighbors": 3}),
    "cka": (measures.cka, (X, Y), {"estimator": "biased", "kernel": "linear"}),
    "rsa": (measures.rsa, (X, Y), {"metric": "cosine"}),
    "intrinsic_dimension": (measures.intrinsic_dimension, (X,), {"duplicates": "drop", "n_neighbors": 1}),
    "profile": (
        layerwise.profile, ([X, Y], [Y, X]),
        {"measures": ["information_imbalance", "cka_debiased"], "match": "relative_depth", "metric": "cosine",
         "n_neighbors": 2, "n_resamples": 4, "resample_fraction": 0.5, "n_permutations": 3, "interval_method": "carried",
         "items": True, "rng": 0, "transform": ["zscore", "unit"], "block_size": 7},
    ),
    "compare": (compare, ([X], [Y]), {"measures": "rsa", "n_resamples": 0, "transform": "none", "rng": 1}),
    "prepare": (prepare, (X,), {"metric": "hamming", "block_size": 5}),
    "nearest_neighbors": (neighbors.nearest_neighbors, (prepare(X), 2, "euclidean"), {"ties": "min"}),
    "pooling": (Pooling.parse, ("mean(20)",), {}),
    "get_measure": (measures.get_measure, ("rsa",), {}),
}  # fmt: skip


def _of_numpy(value: object, text: type) -> object:
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.int64(value)
    if isinstance(value, str):
        return text(value)
    return (
        [_of_numpy(each, text) for each in value] if type(value) is list and type(value[0]) is str else value
    )


@pytest.mark.parametrize("text", [np.str_, _Name])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_arguments_of_numpy_give_what_those_of_python_do(name: str, text: type) -> None:
    """What `np.array(["min"])[0]` is, is a name, and `np.int64(3)` a number, to every function that takes one."""
    call, given, named = CALLS[name]
    wanted = call(*given, **named)
    found = call(
        *(_of_numpy(each, text) for each in given),
        **{key: _of_numpy(each, text) for key, each in named.items()},
    )
    if hasattr(wanted, "identical"):  # labeled; its origin has the moment
        assert wanted.equals(found)
        assert {key: value for key, value in wanted.attrs.items() if key != "created"} == {
            key: value for key, value in found.attrs.items() if key != "created"
        }
    elif dataclasses.is_dataclass(wanted) and not isinstance(wanted, measures.Measure | Pooling):
        assert repr(wanted) == repr(found)
    else:
        assert wanted == found


@pytest.mark.parametrize("text", [np.str_, _Name])
def test_records_hold_plain_values(text: type) -> None:
    """What was given as NumPy's is kept as Python's, so that it can be written down."""
    given = Comparison(
        label=text("x"),
        kind=text("sweep"),
        a=Source(
            model=text("gemma-3-270m"), pooling=text("last"), layers=(np.int64(0), 2), drop_last=np.int32(1)
        ),
        b=Source(model="gemma-3-270m", side=text("b"), final_norm=np.bool_(True), clip=np.float64(0.05)),
        items=Items(data=text("bible:en-it"), minimum=np.int64(40)),
        fixed=Fixed(side=text("a"), layer=np.int64(1)),
        match=text("index"),
        null_within_strata=np.bool_(False),
    )
    assert {type(value) for value in vars(given.b).values()} <= {str, int, float, bool, type(None)}
    assert type(given.kind) is type(given.label) is type(given.a.model) is str
    assert [type(layer) for layer in given.a.layers] == [int, int]
    options = measures.ComparisonOptions(
        metric=text("cosine"), items=np.bool_(True), n_neighbors=np.int64(2), interval_method=text("carried")
    )
    assert type(options.metric) is type(options.interval_method) is str
    assert options.items is True


def test_a_plan_of_numpys_values_is_written_like_that_of_pythons() -> None:
    """Names and numbers of a plan may come out of a table."""
    plain_plan = make_plan(
        get_study("rank-synthetic"), preset="bundled", n=60, seed=1, settings={"dtype": "float32"}
    )
    plan = make_plan(
        get_study(np.str_("rank-synthetic")), preset=np.str_("bundled"), n=np.int64(60), seed=np.int64(1),
        settings={"dtype": np.str_("float32")},
    )  # fmt: skip
    assert json.dumps(plan_to(plan)) == json.dumps(plan_to(plain_plan))


def test_what_is_no_name_stays_refused() -> None:
    """True is no 1, and a number is no text."""
    assert type(one_of("ties", np.str_("min"), ("average", "min"))) is str
    assert type(word("name", np.str_("x"))) is str
    assert plain(np.float32(0.5)) == 0.5
    for value, known in (
        (np.True_, (1, 2)),
        (np.int64(1), (True, False)),
        (b"min", ("min",)),
        (np.str_("1"), (1,)),
    ):
        with pytest.raises(ValueError, match="must be one of"):
            one_of("it", value, known)
    with pytest.raises(ValueError, match="layer must be"):
        check_types(Fixed(side="a", layer=1).__class__(side="a", layer=np.True_))
