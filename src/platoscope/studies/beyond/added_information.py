"""What a layer adds: to the length of a sentence, to another model, an earlier token to the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.studies.design.comparison import Comparison, Source, Surface
from platoscope.studies.design.records import Choices, Design, Finding, Panel, Statement, Study
from platoscope.studies.judge.evidence import Curve, curve
from platoscope.studies.judge.judging import decide, higher
from platoscope.studies.paper.presets import (
    PAIRS,
    SETTINGS,
    TEXT_MODELS,
    from_preset,
    languages_of,
    text_items,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["STUDY", "adds", "adds_more"]

_ALPHA = 0.05
_CHANCE = 0.5


def _design(choices: Choices) -> Design:
    models = (choices.models or from_preset(TEXT_MODELS, choices))[:2]
    data = (choices.pairs or (from_preset(PAIRS, choices),))[0]
    first = models[0]
    beyond_length = _gain(
        f"{choices.called(first)} beyond length",
        new=_text(first, "a", choices),
        given=Surface(model=first, side="a"),
        target=_text(first, "b", choices),
        data=data,
        choices=choices,
    )
    tokens = _tokens(first, choices.called(first), data, choices)
    between = _between(models, data, choices) if len(models) == 2 else []
    panels = (
        _panel("What a layer adds to the length", [beyond_length]),
        *([_panel("What one model adds to another", between)] if between else []),
        _panel("What a token adds to its neighbor", tokens),
    )
    called = [choices.called(model) for model in models]
    return Design(
        comparisons=(beyond_length, *between, *tokens),
        panels=panels,
        statements=_statements(beyond_length, between, tokens, called, languages_of(data)),
    )


def _statements(
    beyond_length: Comparison,
    between: list[Comparison],
    tokens: list[Comparison],
    called: list[str],
    languages: tuple[str, str],
) -> tuple[Statement, ...]:
    a, b = languages
    words = (("An earlier token", "next"), ("The next token", "earlier"))
    statements = [
        adds(
            beyond_length.label,
            text=f"A layer of {called[0]} adds to the length of the {a} sentence about its {b} translation.",
        ),
        *(
            adds(item.label, text=f"{text} adds to the present one about the {target}, in {a}.")
            for item, (text, target) in zip(tokens, words, strict=True)
        ),
        *(
            adds(item.label, text=f"{new} adds to {given} about the {b} side as {given} has it.")
            for item, (new, given) in zip(between, (called, called[::-1]), strict=False)
        ),
    ]
    if between:
        large, small = called
        text = f"{large} adds more to {small} than {small} to {large}."
        statements.append(adds_more(*(item.label for item in between), text=text))
    return tuple(statements)


def _between(models: tuple[str, ...], data: str, choices: Choices) -> list[Comparison]:
    """Ask what each of two models adds to the other."""
    return [
        _gain(
            f"{choices.called(new)} beyond {choices.called(given)}",
            new=_text(new, "a", choices),
            given=_text(given, "a", choices),
            target=_text(given, "b", choices),
            data=data,
            choices=choices,
        )
        for new, given in (models, models[::-1])
    ]


def _text(model: str, side: str, choices: Choices, *, pooling: str = "mean(20)") -> Source:
    return Source(model=model, side="a" if side == "a" else "b", pooling=pooling, layers=choices.layers)


def _tokens(model: str, called: str, data: str, choices: Choices) -> list[Comparison]:
    """Ask what an earlier token adds to the present one about the next, and the same backwards."""
    earlier, present, following = (_text(model, "a", choices, pooling=f"token({tau})") for tau in (2, 1, 0))
    return [
        _gain(f"{called} {words}", new=new, given=present, target=target, data=data, choices=choices)
        for words, new, target in (
            ("earlier token about the next", earlier, following),
            ("next token about the earlier", following, earlier),
        )
    ]


def _gain(
    label: str, /, *, new: Source, given: Source | Surface, target: Source, data: str, choices: Choices
) -> Comparison:
    return Comparison(
        label=label,
        a=new,
        b=target,
        given=given,
        items=text_items(data, choices),
        kind="gain",
        match="relative_depth",
        null_within_strata=False,
    )


def _panel(title: str, comparisons: list[Comparison]) -> Panel:
    return Panel(kind="gain", labels=tuple(item.label for item in comparisons), title=title)


def adds(label: str, /, *, text: str) -> Statement:
    """Claim that some layer adds to what is given.

    *Null*: the new side is independent of both others; the largest gain over the layers is compared with the largest under
    each permutation, so that P(held) is at most 5 % where it is. *Did not hold*: that many shuffled sides, half of them,
    gain more. *Not decided* in between, and without permutations.
    """

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        result = results[label]
        gains = _of(result)
        best = int(gains.values.argmax())
        value = f"{gains.values[best]:.3f}"
        if "gain_low" in result:
            ends = [float(result[name].values[best]) for name in ("gain_low", "gain_high")]
            value += f" [{ends[0]:.3f}, {ends[1]:.3f}]"
        told = (
            f"{label}: largest gain {value}, at layer {gains.layers[best]} with weight "
            f"{float(result['best_weight'].values[best]):g}"
        )
        if "gain_best_p" not in result:
            return Finding("not decided", f"{told}. Without permutations nothing is decided.")
        p = float(result["gain_best_p"])
        told += (
            f"; p = {p:.3f} of {result.sizes['permutation']} shuffled, each with its best layer and weight."
        )
        if p <= _ALPHA:
            return Finding("held", told)
        return Finding("did not hold" if p >= _CHANCE else "not decided", told)

    return Statement(text, (label,), check)


def adds_more(more: str, less: str, /, *, text: str) -> Statement:
    """Claim that the largest gain of one comparison is above that of another, layers chosen again in each subsample."""

    def check(results: Mapping[str, xr.Dataset]) -> Finding:
        upper, lower = (_of(results[label]).maximum() for label in (more, less))
        return decide([[higher(upper, lower, names=(f"largest gain of {more}", f"of {less}"))]])

    return Statement(text, (more, less), check)


def _of(result: xr.Dataset) -> Curve:
    return curve(result, "gain")


STUDY = Study(
    name="added-information",
    question="What does a layer add to what length, another model or the present token already tell?",
    needs="gemma-3-270m, smollm2-135m, bible:en-it",
    design=_design,
    presets=("bundled", "paper"),
    settings=SETTINGS,
    notes=(
        "Not in the paper. The imbalance gain is that of Del Tatto et al. 2024 (PNAS 121), with weights in units of equal "
        "spread.",
        "What one model adds to another is judged on the second side as the other model has it, so that the new one is "
        "never asked about its own states.",
        "A small p says that the new side is not independent of both others, not that it tells more than all that is in "
        "the given one: nearest neighbors do not use all that a space holds.",
    ),
)
