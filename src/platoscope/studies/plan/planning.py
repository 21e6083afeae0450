"""From a study and a user's choices to a plan: what to extract, what to compare, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from platoscope.arguments import instance, mapping
from platoscope.checks import flag, in_short, listing, whole_numbers, word
from platoscope.errors import NotFoundError
from platoscope.layerwise import FEWEST_RESAMPLES
from platoscope.measures import changed
from platoscope.models import Pooling
from platoscope.studies.design.comparison import Comparison, Source, Surface
from platoscope.studies.design.measured import check_measured, keeps_items
from platoscope.studies.design.records import Choices, Study
from platoscope.studies.design.space import distinct_spaces, space_of, spaces_label
from platoscope.studies.judge.power import power_sentence
from platoscope.studies.plan.availability import LeftOut, check_known, check_loading, missing
from platoscope.studies.plan.choosing import check_taken, chosen
from platoscope.studies.plan.estimates import Estimate, estimate, per_extraction, size_of
from platoscope.studies.plan.extraction import Extraction, extractions_of, readings_of
from platoscope.studies.plan.null_models import with_null_models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platoscope.studies.design.records import Design, Panel, Statement
    from platoscope.studies.design.settings import Settings

__all__ = ["Plan", "PlanRow", "make_plan"]

_KEPT = "ranks and neighbors of every item, and its text or thumbnail where the license allows (--no-items: nothing)"
_NORM_SIDES = {
    None: "",
    True: ", last layer after the final norm",
    False: ", last layer before the final norm",
}


@dataclass(frozen=True)
class PlanRow:
    """One line of a plan: the section it belongs to, what it is about, and the details."""

    section: str
    item: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study, resolved: every comparison, every extraction, every number.

    Parameters
    ----------
    study : Study
        The question.
    choices : Choices
        Preset and overrides.
    settings : Settings
        Numbers that hold for every comparison.
    comparisons, panels, statements
        What is computed, drawn and judged. Items name their tokenizers.
    extractions : tuple of Extraction
        One per pass over a model, ordered by model so that each model is loaded once.
    left_out : tuple of LeftOut
        Comparisons that the installed packages do not allow, with the reason and the way to get them.
    """

    study: Study
    choices: Choices
    settings: Settings
    comparisons: tuple[Comparison, ...]
    panels: tuple[Panel, ...]
    statements: tuple[Statement, ...]
    extractions: tuple[Extraction, ...]
    left_out: tuple[LeftOut, ...] = ()

    @cached_property
    def estimate(self) -> Estimate:
        """Tokens, memory, disk and time, without loading weights."""
        return estimate([self])

    @property
    def n_passes(self) -> int:
        """Passes over a model: one for each model and text."""
        return len({extraction.one_pass for extraction in self.extractions})

    @property
    def n_requested(self) -> int:
        """Extractions that the comparisons ask for, before equal ones are joined."""
        return sum(len(readings_of(comparison)) for comparison in self.comparisons)

    @property
    def spaces(self) -> list[str]:
        """The spaces that the comparisons look at, in words, each once."""
        return distinct_spaces(self.comparisons, self.settings)

    def comparison(self, label: str, /) -> Comparison:
        """Give the comparison of a label.

        Raises
        ------
        NotFoundError
            If the plan has none; the message says which it has.
        """
        for item in self.comparisons:
            if isinstance(label, str) and item.label == label:
                return item
        known = ", ".join(repr(item.label) for item in self.comparisons) or "none"
        msg = f"there is no comparison {in_short(label)} in the plan of {self.study.name!r}; it has {known}"
        raise NotFoundError(msg)

    def describe(self) -> list[PlanRow]:
        """Say what will be done, for printing: settings, extractions, comparisons, cost, what is left out."""
        settings = self.settings
        rows = [
            PlanRow("study", self.study.name, self.study.question),
            PlanRow("study", "preset", self.choices.preset),
            PlanRow(
                "settings",
                "items",
                f"n = {settings.n:,} per comparison, seed {settings.seed}"
                + {"error": "", "use_all": ", or all there are", "equal": ", equal in all"}[
                    self.study.shortfall
                ],
            ),
            *(PlanRow("settings", "space", space) for space in self.spaces),
            PlanRow("settings", "models", _loading(settings)),
            PlanRow(
                "settings",
                "uncertainty",
                f"{settings.n_resamples} subsamples of {settings.resample_fraction:.0%}, "
                f"{settings.n_permutations} permutations",
            ),
        ]
        rows.append(PlanRow("settings", "power", power_sentence(settings.n)))
        if any(keeps_items(item, settings) for item in self.comparisons):
            rows.append(PlanRow("settings", "kept", _KEPT))
        costs = per_extraction(self.extractions, self.settings)
        rows += [
            PlanRow(
                "extraction",
                f"{extraction.model}{f' ({extraction.tower})' if extraction.tower else ''}",
                f"{extraction.items.data}{'' if extraction.items.shuffle_words is None else ', words shuffled'}, "
                f"side {extraction.side}: {', '.join(extraction.poolings)}"
                f"{'' if extraction.clip is None else f', tokens clipped at {extraction.clip:g}'}"
                f"{_kept_layers(extraction)}{_NORM_SIDES[extraction.final_norm]}; {cost}",
            )
            for extraction, cost in zip(self.extractions, costs, strict=True)
        ]
        rows += [PlanRow("comparison", item.label, self._told(item)) for item in self.comparisons]
        joined = f"{self.n_passes} passes over a model for {self.n_requested} sides of comparisons"
        rows += [PlanRow("cost", name, value) for name, value in (("passes", joined), *self.estimate.rows())]
        rows += [PlanRow("left out", item.label, f"{item.reason} {item.remedy}") for item in self.left_out]
        return rows

    def _told(self, comparison: Comparison) -> str:
        """Say what is compared, and in which space where the comparisons of the study have not all the same."""
        several = comparison.kind == "spaces" or len(self.spaces) > 1
        return _describe(comparison) + (f"; space {space_of(comparison, self.settings)}" if several else "")


def _check_study(study: Study, preset: object, settings: object) -> None:
    instance("study", study, Study, made_by="get_study")
    if not isinstance(preset, str) or preset not in study.presets:
        msg = f"study {study.name!r} has no preset {in_short(preset)}; it has {', '.join(study.presets)}"
        raise NotFoundError(msg)
    mapping("settings", {} if settings is None else settings)


def make_plan(
    study: Study,
    /,
    *,
    preset: str = "bundled",
    model: str | Sequence[str] | None = None,
    pairs: str | Sequence[str] | None = None,
    n: int | None = None,
    pooling: str | Sequence[str] | None = None,
    layers: Sequence[int] | None = None,
    min_tokens: int | None = None,
    max_tokens: int | None = None,
    near_duplicates: float | None = None,
    final_norm: bool | None = None,
    encoding: str | None = None,
    labels: Mapping[str, str] | None = None,
    untrained: int = 0,
    mismatched_seeds: bool = False,
    shuffle_words: bool = False,
    seed: int | None = None,
    n_resamples: int | None = None,
    n_permutations: int | None = None,
    settings: Mapping[str, Any] | None = None,
    skip_missing: bool = False,
) -> Plan:
    """Resolve a study into a plan, without loading data or weights.

    Parameters
    ----------
    study : Study
        From `get_study`, or one of the user's own.
    preset : str
        ``"bundled"`` (models and data that install from package registries) or ``"paper"``.
    model, pairs, pooling : str or sequence of str, optional
        Replace the study's own.
    n : int, optional
        Pairs per comparison.
    layers : sequence of int, optional
        Layers to keep; all by default.
    min_tokens, max_tokens : int, optional
        Tokens of a text instead of the study's limits, wherever it has any.
    near_duplicates : float, optional
        Pairs are dropped of which a text shares so much of its character 5-grams with an earlier one
        (`platoscope.datasets.drop_near_duplicates`), wherever the study has limits of length; the study's own by default.
    final_norm : bool, optional
        Read the last layer of every model after its final norm, or before it as the other layers are; the side of
        the library's own last state by default.
    encoding : str, optional
        Of files of pairs that are not UTF-8, as in `platoscope.load_pairs`.
    labels : mapping of str to str, optional
        What figures and tables call a model or a side of the pairs: ``{"gemma-3-270m": "Gemma", "it": "Italian"}``.
    untrained : int
        Beside every profile that the study draws, the same comparison of untrained models
        (`platoscope.models.untrained_name`) of this many seeds, as baselines: null models of the network.
    mismatched_seeds : bool
        Beside these, untrained models of two seeds, one on each side; for profiles of one model on both sides.
    shuffle_words : bool
        Beside every profile of texts, the same with the words of each in a random order
        (`platoscope.datasets.shuffle_words`).
    seed : int, optional
        Seed of sampling, subsamples and permutations; the study's own by default.
    n_resamples, n_permutations : int, optional
        Subsamples behind the intervals, and shuffled pairings behind the null.
    settings : mapping, optional
        Any fields of `Settings` by name, such as ``{"transform": "unit", "dtype": "float32"}``; what is left out
        or None is the preset's.
    skip_missing : bool
        Leave out comparisons whose models or data are not installed, and say why, instead of raising; choices that no
        comparison takes are left out in silence, since of several studies each takes what it can.

    Returns
    -------
    Plan

    Raises
    ------
    NotFoundError
        If the preset, a model or a data set is unknown; the message names what exists.
    InputError
        If a number is out of range, a pooling is not in the notation, nobody knows the device or the encoding, no
        comparison of the study takes what was given, or it has no profile for the null models that are asked for.
    MissingExtraError
        If something is not installed and `skip_missing` is False; the message has the command.

    Examples
    --------
    >>> from platoscope.studies import get_study
    >>> plan = make_plan(get_study("rank-synthetic"), n=200)
    >>> [comparison.label for comparison in plan.comparisons], plan.n_requested
    (['D = 20'], 0)
    """
    _check_study(study, preset, settings)
    others = {
        "near_duplicates": near_duplicates, "final_norm": final_norm, "encoding": encoding, "untrained": untrained,
        "labels": {} if labels is None else labels, "mismatched_seeds": mismatched_seeds, "shuffle_words": shuffle_words,
    }  # fmt: skip
    choices = _choices(preset, (model, pairs, pooling), layers, (min_tokens, max_tokens), others)
    told = {"n": n, "seed": seed, "n_resamples": n_resamples, "n_permutations": n_permutations}
    given = {name: value for name, value in told.items() if value is not None}
    resolved = changed(study.settings_for(preset), {**(settings or {}), **given})
    design, without_nulls = with_null_models(study, choices, resolved, skip_missing=skip_missing)
    comparisons = tuple(chosen(comparison, choices) for comparison in _in_several_spaces(design))
    check_measured(design, resolved)
    check_loading(comparisons, resolved)
    left_out = _left_out(study, comparisons, choices, skip_missing=skip_missing)
    comparisons = _kept(comparisons, {item.label for item in left_out})
    return Plan(
        study=study,
        choices=choices,
        settings=resolved,
        comparisons=comparisons,
        panels=tuple(panel for panel in design.panels if _can_be_drawn(panel, resolved)),
        statements=design.statements,
        extractions=extractions_of(comparisons),
        left_out=(*left_out, *without_nulls),
    )


def _can_be_drawn(panel: Panel, settings: Settings) -> bool:
    """Say whether the draws are there that a picture is of: a null of permutations, a difference of subsamples."""
    if panel.kind == "null":
        return settings.n_permutations > 0
    return panel.kind != "difference" or settings.n_resamples >= FEWEST_RESAMPLES


def _choices(
    preset: str,
    lists: tuple[str | Sequence[str] | None, ...],
    layers: Sequence[int] | None,
    limits: tuple[int | None, int | None],
    others: Mapping[str, Any],
) -> Choices:
    models, pairs, poolings = (
        _tuple(what, given) for what, given in zip(("models", "pairs", "poolings"), lists, strict=True)
    )
    return Choices(
        preset=preset,
        models=models,
        pairs=pairs,
        poolings=None if poolings is None else tuple(str(Pooling.parse(item)) for item in poolings),
        layers=None if layers is None else whole_numbers("layers", layers),
        min_tokens=limits[0],
        max_tokens=limits[1],
        **others,
    )


def _tuple(what: str, value: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    given = (value,) if isinstance(value, str) else listing(what, value, of="names")
    return tuple(word(f"each of {what}", each) for each in given)


def _in_several_spaces(design: Design, /) -> tuple[Comparison, ...]:
    """Give the comparisons of a design, and beside each whose asymmetry is judged the same in several spaces."""
    known = {comparison.label: comparison for comparison in design.comparisons}
    judged = dict.fromkeys(label for statement in design.statements for label in statement.asymmetry_of)
    beside = [
        replace(known[label], label=spaces_label(label), kind="spaces")
        for label in judged
        if label in known and spaces_label(label) not in known
    ]
    return (*design.comparisons, *beside)


def _left_out(
    study: Study, comparisons: tuple[Comparison, ...], choices: Choices, *, skip_missing: bool
) -> tuple[LeftOut, ...]:
    """Give what the installed packages do not allow, or raise where nothing is to be left out."""
    if not flag("skip_missing", skip_missing):  # of several studies, each takes what it can
        check_taken(study.name, comparisons, choices)
    check_known(comparisons)
    left_out = missing(comparisons)
    if left_out and not skip_missing:
        raise left_out[0].error()
    return left_out


def _kept(comparisons: tuple[Comparison, ...], left_out: set[str]) -> tuple[Comparison, ...]:
    """Give the comparisons that are not left out."""
    gone = {item.items.data for item in comparisons if item.label in left_out and item.items is not None}
    return tuple(_without(item, gone) for item in comparisons if item.label not in left_out)


def _without(comparison: Comparison, gone: set[str]) -> Comparison:
    """Let data sets that are left out have no say in which items the others take."""
    items = comparison.items
    if items is None or not gone.intersection(items.together):
        return comparison
    together = tuple(data for data in items.together if data not in gone)
    return replace(comparison, items=replace(items, together=together))


def _kept_layers(extraction: Extraction) -> str:
    """Say which layers are kept where not all are, and that nobody knows yet whether the model has them."""
    if extraction.layers is None:
        return ""
    unsure = " (whether it has them is known once it is loaded)" if size_of(extraction) is None else ""
    return f", layers {', '.join(map(str, extraction.layers))}{unsure}"


def _loading(settings: Settings) -> str:
    """Say how models are loaded."""
    where = "device_map auto" if settings.device_map else f"device {settings.device}"
    batch = "" if settings.batch_tokens is None else f", {settings.batch_tokens:,} tokens per batch"
    return f"dtype {settings.dtype}, {where}{batch}"


def _describe(comparison: Comparison) -> str:
    names = []
    for side in comparison.all_sides:
        if isinstance(side, Source):
            names.append(f"{side.model} {side.side} {side.pooling}")
        elif isinstance(side, Surface):
            names.append(f"lengths of side {side.side}")
        else:
            names.append(f"{side.construction} {side.role}, D = {side.n_features}")
    data = "" if comparison.items is None else f" on {comparison.items.data}"
    if comparison.items is not None and comparison.items.shuffle_words is not None:
        data += ", words shuffled"
    extra = f", shuffled ({comparison.shuffle})" if comparison.shuffle else ""
    return f"{comparison.kind}: {' given '.join([' against '.join(names[:2]), *names[2:]])}{data}{extra}"
