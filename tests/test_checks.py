"""Settings and arguments are checked by type and range, alike wherever they come from."""

from __future__ import annotations

import numpy as np
import pytest

import platoscope
from platoscope.checks import (
    number,
    one_of,
    refuse_masks,
    share,
    whole_number,
    whole_numbers,
    word,
)
from platoscope.errors import InputError
from platoscope.layerwise import n_curve
from platoscope.measures import ComparisonOptions
from platoscope.representations import Representations
from platoscope.seeds import generator
from platoscope.studies.design.settings import Settings

NO_WHOLE_NUMBERS = [True, np.True_, 2.0, "1", None, [1], float("nan"), np.array([1]), 1 + 0j]


@pytest.mark.parametrize("value", [*NO_WHOLE_NUMBERS, 0, -1, 2**70])
def test_what_is_no_whole_number(value: object) -> None:
    """No True, 2.0, "1" or list is one, nor anything outside the limits, and the message is short."""
    with pytest.raises(InputError, match=r"k must be a whole number, from 1 to 9; got .* \(so\)\.") as caught:
        whole_number("k", value, low=1, high=9, why="so")
    assert len(str(caught.value)) < 200
    assert [whole_number("k", good, low=1, high=9) for good in (3, np.int8(3), np.uint64(3))] == [3, 3, 3]


def test_the_other_checks_refuse_as_well() -> None:
    """Each names what it wanted and what came."""
    for call, match in (
        (lambda: whole_numbers("layers", [0.5]), "each of layers must be a whole number; got 0.5"),
        (lambda: whole_numbers("layers", []), "at least one whole number"),
        (lambda: whole_numbers("layers", 3), "must be a list"),
        (lambda: number("noise", float("nan"), low=0), "a finite number, at least 0; got nan"),
        (lambda: number("noise", True), "finite number"),
        (lambda: number("noise", 10**400), "finite number"),
        (lambda: share("alpha", 1), "strictly between 0 and 1; got 1"),
        (lambda: word("label", "  "), "a text that is not empty"),
        (lambda: word("label", 3, empty=True), "a text; got 3"),
        (lambda: one_of("dtype", ["auto"], ("auto", "float32")), "one of auto, float32; got"),
        (lambda: one_of("flag", 1, (True, False)), "one of True, False; got 1"),
        (lambda: generator(-1), "rng must be a whole number, at least 0; got -1"),
        (lambda: generator("0"), "rng must be a whole number"),
        (lambda: refuse_masks(np.ma.masked_equal([[1.0, 2.0]], 2.0), "X"), "X has masked values"),
    ):
        with pytest.raises(InputError, match=match):
            call()
    refuse_masks(np.ma.masked_array([1.0, 2.0]), "X")


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Give 60 items of 4 features."""
    return np.random.default_rng(0).standard_normal((60, 4))


@pytest.mark.parametrize("value", [True, 2.0, "1", None])
def test_neighbors_are_whole_numbers_in_every_measure(rows: np.ndarray, value: object) -> None:
    """A measure on two arrays refuses what the record of options refuses."""
    for call in (
        lambda: platoscope.information_imbalance(rows, rows, n_neighbors=value),  # type: ignore[arg-type]
        lambda: platoscope.information_imbalance(rows, rows, n_neighbors=value, estimator="split"),  # type: ignore[arg-type]
        lambda: platoscope.neighborhood_overlap(rows, rows, n_neighbors=value),  # type: ignore[arg-type]
        lambda: platoscope.cknna(rows, rows, n_neighbors=value),  # type: ignore[arg-type]
        lambda: ComparisonOptions(n_neighbors=value),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match="n_neighbors must be a whole number"):
            call()


@pytest.mark.parametrize(
    "settings",
    [
        {"n_permutations": 2**70}, {"n_resamples": 100_000_000}, {"n_resamples": 5.0}, {"n": 10**30}, {"n": True},
        {"n": "50"}, {"n": float("inf")}, {"seed": -1}, {"seed": 2**63}, {"seed": float("nan")}, {"dtype": "float8"},
        {"dtype": ["auto"]}, {"device": 3}, {"device": ""}, {"device_map": "all"}, {"batch_tokens": 0},
        {"batch_tokens": "x"}, {"alpha": 0}, {"resample_fraction": float("nan")}, {"resample_fraction": "a"},
        {"measures": []}, {"measures": [1]}, {"measures": "nope"}, {"grid_measures": 3}, {"interval_method": ["carried"]},
        {"metric": 3}, {"transform": 7}, {"transform": {"a": "unit"}}, {"overlap_neighbors": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_settings_of_the_wrong_kind_are_refused(settings: dict[str, object]) -> None:
    """By the record itself, so that a TOML file, the command line and a call say the same."""
    with pytest.raises((InputError, LookupError)) as caught:
        Settings(**settings)  # type: ignore[arg-type]
    assert isinstance(caught.value, platoscope.errors.PlatoscopeError)
    assert len(str(caught.value)) < 600


def test_limits_say_their_reason() -> None:
    """A number that would fill the memory is refused with the limit and why."""
    with pytest.raises(
        InputError, match=r"n_resamples .* from 0 to 1,000,000; got 100000000 \(more is a slip of the pen"
    ):
        ComparisonOptions(n_resamples=100_000_000)


def test_one_measure_needs_no_list(rows: np.ndarray) -> None:
    """A name alone is one measure, not its letters."""
    result = platoscope.profile([rows], [rows[:, :2]], measures="rsa", rng=0, n_resamples=0)
    assert "rsa" in result
    assert Settings(measures="rsa", grid_measures="rsa").grid_measures == ("rsa",)  # type: ignore[arg-type]


def test_arrays_with_a_mask_are_refused(rows: np.ndarray) -> None:
    """A masked value would be read as if it counted; an array of which nothing is masked is an array."""
    masked = np.ma.masked_greater(rows, 1.0)
    with pytest.raises(InputError, match="X has masked values"):
        platoscope.cka(masked, rows)
    with pytest.raises(InputError, match="has masked values"):
        platoscope.profile([masked], [rows], rng=0)
    with pytest.raises(InputError, match="layer 1 has masked values"):
        Representations.from_arrays([rows, masked])
    plain = np.ma.masked_array(rows)
    assert platoscope.information_imbalance(plain, rows) == platoscope.information_imbalance(rows, rows)


@pytest.mark.parametrize("rng", [-1, 0.5, "0", True])
def test_seeds_are_whole_numbers(rows: np.ndarray, rng: object) -> None:
    """In every function that draws."""
    for call in (
        lambda: n_curve(rows, rows, sizes=[20], rng=rng),  # type: ignore[arg-type]
        lambda: platoscope.profile([rows], [rows], rng=rng),  # type: ignore[arg-type]
        lambda: platoscope.information_imbalance(rows, rows, estimator="split", rng=rng),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match="rng must be a whole number, at least 0"):
            call()
    with pytest.raises(InputError, match="sizes must be a list of at least one whole number"):
        n_curve(rows, rows, sizes=[])


@pytest.mark.parametrize("layers", [[0.5], ["0"], [True], "0", []])
def test_layers_are_whole_numbers(rows: np.ndarray, layers: object) -> None:
    """0.5 is no layer 0."""
    with pytest.raises(InputError, match="layers"):
        Representations.from_arrays([rows], layers=layers)  # type: ignore[arg-type]
