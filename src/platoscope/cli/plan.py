"""``platoscope plan MODEL PAIRS``: what reading pairs with a model would take, before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from platoscope.cli.options import (  # Typer reads annotations when it runs
    FEWEST_PAIRS,
    AsJson,
    Layers,
    ModelArgument,
    PairsArgument,
    parse_layers,
)
from platoscope.cli.output import print_json, print_table
from platoscope.errors import InputError

if TYPE_CHECKING:
    from platoscope.models import ModelInfo
    from platoscope.studies import Comparison, Plan
    from platoscope.studies.design.comparison import SideName

__all__ = ["plan"]


def plan(
    model: ModelArgument,
    pairs: PairsArgument,
    *,
    side: Annotated[
        Literal["a", "b", "both"], typer.Option(help="Which side of the pairs the model reads.")
    ] = "both",
    pooling: Annotated[
        list[str] | None, typer.Option(help="Repeat for several; mean(20) by default.", show_default=False)
    ] = None,
    n: Annotated[
        int, typer.Option(help=f"How many pairs, at least {FEWEST_PAIRS}, or as many as a file has.")
    ] = 1000,
    min_tokens: Annotated[int, typer.Option(min=1, help="Shortest text that is read.")] = 40,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest text that is read.")] = 80,
    layers: Layers = None,
    tower: Annotated[
        Literal["text", "vision"] | None,
        typer.Option(help="Tower of a text-image model.", show_default=False),
    ] = None,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16", "float8"],
        typer.Option(
            help="Precision of the weights; auto depends on the machine, so both are shown. Weights are read in float8 "
            "where they are published so."
        ),
    ] = "auto",
    device_memory: Annotated[
        float, typer.Option(min=1, help="Memory of one GPU in GB, to say how many are needed.")
    ] = 80.0,
    tokens_per_second: Annotated[
        float | None,
        typer.Option(min=0.001, help="Rate to take the time from, if you know it.", show_default=False),
    ] = None,
    tflops: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="10^12 operations per second that your devices reach together, to take the time from.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate memory, devices, disk and time of an extraction without loading the weights."""
    from platoscope.checks import number
    from platoscope.studies import Comparison, Design, Items, Source, Study, make_plan
    from platoscope.studies.judge.power import power_sentence
    from platoscope.studies.plan.planning import PlanRow

    if tokens_per_second is not None and tflops is not None:
        message = "--tokens-per-second and --tflops both say how fast it goes; give one of them"
        raise InputError(message)
    rates = {"--device-memory": device_memory, "--tokens-per-second": tokens_per_second, "--tflops": tflops}
    for option, rate in rates.items():
        if rate is not None:
            number(option, rate)
    kept = parse_layers(layers)
    items = Items(data=pairs, minimum=min_tokens, maximum=max_tokens)
    sides: tuple[SideName, SideName] = ("a", "b") if side == "both" else (side, side)
    comparisons = tuple(
        Comparison(
            label=name,
            a=Source(model=model, side=sides[0], pooling=name, layers=kept, tower=tower),
            b=Source(model=model, side=sides[1], pooling=name, layers=kept, tower=tower),
            items=items,
        )
        for name in pooling or ["mean(20)"]
    )
    design = Design(comparisons=comparisons)
    study = Study(name="extract", question=f"Both sides of {pairs} in {model}", design=lambda _: design)
    planned = _also_of_what_is_missing(make_plan(study, n=_at_hand(pairs, n), skip_missing=True), comparisons)
    rows = [
        PlanRow("items", pairs, f"{planned.settings.n:,} pairs"),
        PlanRow("items", "space", f"{planned.spaces[0]} (as studies compare)" if planned.spaces else "–"),
        PlanRow("items", "power", power_sentence(planned.settings.n)),
    ]
    rows += [
        PlanRow("items", "not here", f"{left.reason} Get it: {left.remedy}") for left in planned.left_out[:1]
    ]
    rows += [row for row in planned.describe() if row.section == "extraction"]
    rows += [
        PlanRow("cost", name, value)
        for name, value in _costs(
            planned,
            dtype=dtype,
            device_memory=device_memory,
            tokens_per_second=tokens_per_second,
            tflops=tflops,
        )
    ]
    if as_json:
        print_json(rows)
        return
    print_table(("", "what", "how much"), [(row.section, row.item, row.detail) for row in rows])


def _also_of_what_is_missing(planned: Plan, comparisons: tuple[Comparison, ...], /) -> Plan:
    """Plan all of it: a model or data that are not installed are known in size, and the plan says how to get them.

    Raises
    ------
    PlatoscopeError
        If something else is wrong.
    """
    from platoscope.studies.plan.extraction import extractions_of

    for left in planned.left_out:
        if left.wrong is not None:
            raise left.wrong
    if not planned.left_out:
        return planned
    return replace(planned, comparisons=comparisons, extractions=extractions_of(comparisons))


def _costs(
    planned: Plan,
    /,
    *,
    dtype: str,
    device_memory: float,
    tokens_per_second: float | None,
    tflops: float | None,
) -> list[tuple[str, str]]:
    """Work out what the extractions of a plan take together."""
    from platoscope.models.cost import n_devices, weight_dtypes
    from platoscope.studies.plan.estimates import BESIDE_WEIGHTS
    from platoscope.wording import in_bytes, in_operations

    estimate = planned.estimate
    rows = [("tokens", f"about {estimate.n_tokens:,}")]
    info = None if estimate.unknown else _describe(planned)
    if info is None:
        return [*rows, ("not counted", "the size of the model is known only once it is loaded")]
    if estimate.operations is not None:
        rows.append(("operations", f"about {in_operations(estimate.operations)}"))
    dtypes = weight_dtypes(info, dtype)
    weights = [info.memory(each) for each in dtypes]
    shown = [f"{in_bytes(amount)} in {each}" for amount, each in zip(weights, dtypes, strict=True)]
    unsure = ", if they are published so" if dtype == "float8" != info.dtype else ""
    rows.append(
        ("memory", f"weights {' or '.join(shown)}{unsure}; beside them about {in_bytes(BESIDE_WEIGHTS)}")
    )
    needed = [n_devices(amount, device_memory * 1e9) for amount in weights]
    counts = [f"{count} in {each}" for count, each in zip(needed, dtypes, strict=True)]
    several = " (--device-map auto)" if max(needed) > 1 else ""
    rows.append(("devices", f"GPUs of {device_memory:g} GB: {' or '.join(counts)}{several}"))
    if estimate.disk is not None:
        rows.append(("disk", in_bytes(estimate.disk)))
    rows.append(("time", _time(info, estimate.n_tokens, tokens_per_second, tflops)))
    return rows


def _describe(planned: Plan, /) -> ModelInfo | None:
    """Describe the one model of the plan; nothing is left to describe where its package is missing."""
    from platoscope.models import describe_model

    if not planned.extractions:
        return None
    extraction = planned.extractions[0]
    return describe_model(extraction.model, tower=extraction.tower)


def _time(info: ModelInfo, n_tokens: int, tokens_per_second: float | None, tflops: float | None, /) -> str:
    """Estimate the time of the forward passes, and say what the estimate rests on."""
    from platoscope.models.cost import n_operations
    from platoscope.neighbors import available_memory
    from platoscope.studies.plan.estimates import reading_seconds
    from platoscope.wording import in_time

    if tokens_per_second is not None:
        rate = f"at the {tokens_per_second:,g} tokens per second that were given"
        return f"about {in_time(n_tokens / tokens_per_second)} {rate}"
    operations = n_operations(info, n_tokens)
    if tflops is not None:
        rate = f"at the {tflops:g} × 10^12 operations per second that were given"
        return f"about {in_time(operations / (tflops * 1e12))} {rate}"
    free = available_memory()
    if free and info.memory("float8" if info.dtype == "float8" else "float32") > free:
        return "not estimated: more memory than this machine has free; give --tflops or --tokens-per-second"
    return f"about {in_time(reading_seconds(operations))} on this CPU in float32, guessed from one matrix product"


def _at_hand(spec: str, n: int, /) -> int:
    """Count no more pairs than a file has rows, where that is known without loading it."""
    from platoscope.datasets import most_pairs
    from platoscope.studies.design.settings import SMALLEST

    most = most_pairs(spec)
    if most is not None and most < SMALLEST:
        message = f"{spec} has at most {most} pairs; a comparison needs at least {SMALLEST}"
        raise InputError(message)
    return n if most is None else min(n, most)
