"""The command that makes a run again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from platoscope.studies import list_studies
from platoscope.studies.design.settings import Settings

if TYPE_CHECKING:
    from platoscope.studies import Plan, Study
    from platoscope.studies.design.records import Choices

__all__ = ["known_studies", "run_command"]


def run_command(plan: Plan, /) -> str:
    """Return the command that makes the run of a plan again.

    Parameters
    ----------
    plan : Plan
        The plan of a study of the package.

    Returns
    -------
    str
        ``platoscope run STUDY`` with the preset, the number of pairs, and every choice and setting of the
        command line that differs from what the study takes by itself.
    """
    words = ["platoscope run", plan.study.name, "--preset", plan.choices.preset, "--n", str(plan.settings.n)]
    for option, values in (
        ("--model", plan.choices.models),
        ("--pairs", plan.choices.pairs),
        ("--pooling", plan.choices.poolings),
    ):
        for value in values or ():
            words += [option, shlex.quote(value)]
    words += _own_choices(plan.choices)
    usual = _usual(plan)
    chosen = (
        (option, getattr(plan.settings, name), getattr(usual, name)) for option, name in _SETTINGS.items()
    )
    words += [
        f"{option} {_written(value)}"
        for option, value, default in chosen
        if value != default
        and not isinstance(value, Mapping)  # of each side its own, as in study files alone
    ]
    return " ".join(words + ["--no-items"] * (usual.items and not plan.settings.items))


_SETTINGS = {
    "--seed": "seed", "--resamples": "n_resamples", "--permutations": "n_permutations", "--transform": "transform",
    "--metric": "metric", "--neighbors": "n_neighbors", "--overlap-neighbors": "overlap_neighbors", "--dtype": "dtype",
    "--device": "device", "--device-map": "device_map", "--batch-tokens": "batch_tokens",
}  # fmt: skip


def _written(value: object, /) -> str:
    """Write a setting as the command line takes it."""
    return shlex.quote("+".join(value) or "none" if isinstance(value, tuple) else str(value))


def _own_choices(choices: Choices, /) -> list[str]:
    """Return the options of what is the study's own unless the user says otherwise."""
    given = {
        "--layers": ",".join(map(str, choices.layers or ())) or None,
        "--min-tokens": choices.min_tokens,
        "--max-tokens": choices.max_tokens,
        "--near-duplicates": choices.near_duplicates,
        "--encoding": choices.encoding,
        "--labels": ",".join(f"{name}={label}" for name, label in choices.labels.items()) or None,
        "--untrained-seeds": choices.untrained or None,
    }
    flags = {
        "--final-norm": choices.final_norm is True, "--no-final-norm": choices.final_norm is False,
        "--mismatched-seeds": choices.mismatched_seeds, "--shuffle-words": choices.shuffle_words,
    }  # fmt: skip
    words = [f"{option} {shlex.quote(str(value))}" for option, value in given.items() if value is not None]
    return words + [option for option, given in flags.items() if given]


def _usual(plan: Plan, /) -> Settings:
    """Return the settings that the study takes by itself, as far as the package knows it."""
    known = known_studies().get(plan.study.name)
    return Settings() if known is None else known.settings_for(plan.choices.preset)


def known_studies() -> dict[str, Study]:
    """Return the studies of the package by name, in the order of the paper."""
    return {study.name: study for study in list_studies()}
