"""The range that the help of a command says is the one that is taken."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from platoscope import cli
from platoscope.cli.extract import extract
from platoscope.cli.options import FEWEST_PAIRS
from platoscope.cli.plan import plan
from platoscope.cli.run import run
from platoscope.errors import InputError
from platoscope.studies import get_study, make_plan
from platoscope.studies.design.records import _MOST_SEEDS
from platoscope.studies.design.settings import DTYPES, SMALLEST

OPTIONS = {
    command.__name__: {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(command, include_extras=True).items()
        if hasattr(hint, "__metadata__")
    }
    for command in (run, plan, extract)
}
IN_PYTHON = {"resamples": "n_resamples", "permutations": "n_permutations"}
IN_SETTINGS = {
    "neighbors": "n_neighbors",
    "overlap_neighbors": "overlap_neighbors",
    "batch_tokens": "batch_tokens",
}


def _range(command: str, option: str) -> tuple[int | None, int | None]:
    told = OPTIONS[command][option]
    return told.min, told.max


def _plan(option: str, value: int) -> object:
    if option in IN_SETTINGS:
        settings = {IN_SETTINGS[option]: value, "n": 40, "n_resamples": 0}
        return make_plan(get_study("rank-synthetic"), settings=settings)
    study = "translations" if "token" in option or option == "untrained_seeds" else "rank-synthetic"
    name = {"untrained_seeds": "untrained"}.get(option, IN_PYTHON.get(option, option))
    return make_plan(get_study(study), skip_missing=True, **{name: value})  # type: ignore[arg-type]


RANGED = [name for name, told in OPTIONS["run"].items() if told.min is not None or told.max is not None]


def test_the_options_that_have_a_range_are_these() -> None:
    """A number without a range in the help would be one of which nobody knows what is refused."""
    assert set(RANGED) == {
        "min_tokens", "max_tokens", "untrained_seeds", "seed", "resamples", "permutations", "neighbors",
        "overlap_neighbors", "batch_tokens",
    }  # fmt: skip


@pytest.mark.parametrize("option", RANGED)
def test_a_plan_takes_both_ends_of_what_the_help_of_run_says_and_nothing_beyond(option: str) -> None:
    """What the help allows is planned, and what lies beyond is refused by the plan itself as well."""
    low, high = _range("run", option)
    assert low is not None
    if option not in (
        "min_tokens",
        "max_tokens",
        "untrained_seeds",
    ):  # their ends depend on the other limit, or are "none"
        assert _plan(option, low)
    if option != "untrained_seeds":
        with pytest.raises(InputError):
            _plan(option, low - 1)
    if high is not None:
        with pytest.raises(InputError):
            _plan(option, high + 1)


def test_the_help_says_how_many_pairs_and_seeds_there_may_be() -> None:
    """What a plan refuses with a reason, no range of the parser, stands in the words of the help."""
    assert FEWEST_PAIRS == SMALLEST
    for command in ("run", "plan"):
        assert f"at least {SMALLEST}" in OPTIONS[command]["n"].help
        assert OPTIONS[command]["n"].min is None
    assert f"{_MOST_SEEDS} at most" in OPTIONS["run"]["untrained_seeds"].help
    assert "at least 2" in OPTIONS["run"]["resamples"].help


def test_the_help_has_the_choices_where_they_are_few() -> None:
    """Those of a preset, a precision and a distance are the ones that are taken; a cluster has all its notations."""
    assert OPTIONS["run"]["preset"].metavar == f"[{'|'.join(get_study('translations').presets)}]"
    for command in ("run", "extract"):
        assert OPTIONS[command]["dtype"].metavar == f"[{'|'.join(DTYPES)}]"
    assert OPTIONS["run"]["metric"].metavar == "[euclidean|cosine|hamming]"
    for written in ("local ", "local:N", "tcp://HOST:8786", ".json", "TOML"):
        assert written in OPTIONS["run"]["cluster"].help


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "rank-synthetic", "--n", "3"], "--n must be a whole number, from 40 to"),
        (["plan", "gemma-3-270m", "emoji", "--n", "3"], "--n must be a whole number, from 40 to"),
        (["compare", "a.npy", "b.npy", "--seed", "-1"], "--seed"),
        (["data", "show", "emoji", "--seed", "-1"], "--seed"),
        (
            ["run", "rank-synthetic", "--resamples", "1"],
            "--resamples must be 0 (no interval) or at least 2; got 1",
        ),
        (["run", "translations", "--untrained-seeds", "101"], "101"),
    ],
)
def test_what_lies_outside_is_refused_in_the_words_of_the_help(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends before anything is loaded."""
    assert cli.main(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("option", ["--device-memory", "--tokens-per-second", "--tflops"])
@pytest.mark.parametrize("value", ["inf", "nan", "0"])
def test_rates_that_are_no_numbers_are_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Time and devices would be, too."""
    assert cli.main(["plan", "gemma-3-270m", "bible:en-it", option, value]) == 2
    assert option in capsys.readouterr().err
