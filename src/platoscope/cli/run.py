"""``platoscope run STUDY``: plan, compute, draw, judge."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from platoscope.cli.done import Done, print_results, report_failures
from platoscope.cli.dry import check_places, print_plans
from platoscope.cli.options import (  # Typer reads annotations when it runs
    DTYPES_METAVAR,
    FEWEST_PAIRS,
    AsJson,
    ClusterOption,
    Encoding,
    FinalNorm,
    Labels,
    Layers,
    MetricOption,
    MismatchedSeeds,
    NearDuplicates,
    NeighborsOption,
    OverlapNeighborsOption,
    ShuffleWords,
    Store,
    TransformOption,
    Untrained,
    UntrainedSeeds,
    complete_models,
    complete_pairs,
    complete_studies,
    is_debug,
    is_verbose,
    parse_labels,
    parse_layers,
    parse_null_models,
)
from platoscope.cli.output import USERS_TO_MEND, sentence
from platoscope.cli.progress import open_progress
from platoscope.cli.workers import open_workers
from platoscope.errors import InputError
from platoscope.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platoscope.progress import Progress
    from platoscope.studies import Passes, Plan, Study, StudyResult

__all__ = ["run"]


@dataclass(frozen=True)
class _Request:
    """What was asked on the command line, but for the study."""

    preset: str
    models: tuple[str, ...] | None
    pairs: tuple[str, ...] | None
    poolings: tuple[str, ...] | None
    layers: tuple[int, ...] | None
    limits: tuple[int | None, int | None]
    near_duplicates: float | None
    final_norm: bool | None
    encoding: str | None
    labels: Mapping[str, str]
    null_models: Mapping[str, Any]
    n: int | None
    seed: int | None
    n_resamples: int | None
    n_permutations: int | None
    settings: Mapping[str, Any]
    store: str | None
    cluster: str | None

    def plan(self, study: Study, /, *, skip_missing: bool = False) -> Plan:
        """Plan a study."""
        from platoscope.studies import make_plan

        return make_plan(
            study,
            preset=self.preset,
            model=self.models,
            pairs=self.pairs,
            pooling=self.poolings,
            layers=self.layers,
            min_tokens=self.limits[0],
            max_tokens=self.limits[1],
            near_duplicates=self.near_duplicates,
            final_norm=self.final_norm,
            encoding=self.encoding,
            labels=self.labels,
            **self.null_models,
            n=self.n,
            seed=self.seed,
            n_resamples=self.n_resamples,
            n_permutations=self.n_permutations,
            settings=self.settings,
            skip_missing=skip_missing,
        )


def run(
    context: typer.Context,
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="A study (`platoscope studies`), a TOML file, or `all`.",
            autocompletion=complete_studies,
        ),
    ],
    *,
    preset: Annotated[
        str,
        typer.Option(
            envvar="PLATOSCOPE_PRESET",
            metavar="[bundled|paper]",
            help="What installs from package registries, or the paper's own models.",
        ),
    ] = "bundled",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Another model; repeat for several.", autocompletion=complete_models, show_default=False
        ),
    ] = None,
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            help="Other pairs, as bible:en-fr or pairs.jsonl.",
            autocompletion=complete_pairs,
            show_default=False,
        ),
    ] = None,
    encoding: Encoding = None,
    pooling: Annotated[
        list[str] | None, typer.Option(help="Another pooling, as last or mean(20).", show_default=False)
    ] = None,
    n: Annotated[
        int | None, typer.Option(help=f"How many pairs, at least {FEWEST_PAIRS}.", show_default=False)
    ] = None,
    min_tokens: Annotated[
        int | None, typer.Option(min=1, help="Shortest text; the study's by default.", show_default=False)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest text; the study's by default.", show_default=False)
    ] = None,
    near_duplicates: NearDuplicates = None,
    labels: Labels = None,
    layers: Layers = None,
    final_norm: FinalNorm = None,
    untrained: Untrained = False,
    untrained_seeds: UntrainedSeeds = None,
    mismatched_seeds: MismatchedSeeds = False,
    shuffle_words: ShuffleWords = False,
    out: Annotated[
        Path | None,
        typer.Option(envvar="PLATOSCOPE_OUT", help="Run folder; runs/STUDY by default.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of every random choice; the study's by default.", show_default=False),
    ] = None,
    resamples: Annotated[
        int | None,
        typer.Option(min=0, help="Subsamples behind the intervals: none, or at least 2.", show_default=False),
    ] = None,
    permutations: Annotated[
        int | None, typer.Option(min=0, help="Permutations behind the null.", show_default=False)
    ] = None,
    transform: TransformOption = None,
    metric: MetricOption = None,
    neighbors: NeighborsOption = None,
    overlap_neighbors: OverlapNeighborsOption = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar=DTYPES_METAVAR, help="Precision of the weights; auto by default.", show_default=False
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            envvar="PLATOSCOPE_DEVICE",
            help="A device as torch names it, or auto, the default.",
            show_default=False,
        ),
    ] = None,
    device_map: Annotated[
        Literal["auto"] | None,
        typer.Option(help="Spread a model over all GPUs; needs accelerate.", show_default=False),
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of one batch; chosen for the device.", show_default=False),
    ] = None,
    no_items: Annotated[
        bool,
        typer.Option("--no-items", help="Keep nothing of single items: no ranks, texts or thumbnails."),
    ] = False,
    store: Store = None,
    cluster: ClusterOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="With --dry-run: time comparisons on made-up layers here; a minute or two.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a study: figures, labelled data and verdicts in a folder, the closing table on stdout.

    Representations are kept, so running again is quick, and a run that was stopped goes on where it was.
    """
    from platoscope.studies import get_study, list_studies, share

    request = _Request(
        preset=preset,
        models=tuple(model) if model else None,
        pairs=tuple(pairs) if pairs else None,
        poolings=tuple(pooling) if pooling else None,
        layers=parse_layers(layers),
        limits=(min_tokens, max_tokens),
        near_duplicates=near_duplicates,
        final_norm=final_norm,
        encoding=encoding,
        labels=parse_labels(labels),
        null_models=parse_null_models(untrained, untrained_seeds, mismatched_seeds, shuffle_words),
        n=n,
        seed=seed,
        n_resamples=resamples,
        n_permutations=permutations,
        settings={
            "transform": transform,
            "metric": metric,
            "n_neighbors": neighbors,
            "overlap_neighbors": overlap_neighbors,
            "dtype": dtype,
            "device": device,
            "device_map": device_map,
            "batch_tokens": batch_tokens,
            "items": False if no_items else None,
        },
        store=store,
        cluster=cluster,
    )
    if study == "all":
        studies = [each for each in list_studies() if preset in each.presets]
        plans = share([request.plan(each, skip_missing=True) for each in studies])
        jobs = [(plan, (out or Path("runs")) / file_name(plan.study.name)) for plan in plans]
    else:
        plan = request.plan(get_study(study))
        jobs = [(plan, out or Path("runs") / file_name(plan.study.name))]
    if calibrate and not dry_run:
        message = "--calibrate says what a run would take, and is for --dry-run; leave it out, or give both."
        raise InputError(message)
    if dry_run:
        check_places([folder for _, folder in jobs], store, cluster)
        print_plans([plan for plan, _ in jobs], calibrate=calibrate, cluster=cluster, as_json=as_json)
        return
    done = _execute_all(jobs, request, verbose=is_verbose(context))
    if done.passes is not None:
        _write_record(out or Path("runs"), done)
    print_results(done, as_json=as_json)
    if done.failures:
        raise typer.Exit(report_failures(done.failures, debug=is_debug(context)))


def _execute_all(jobs: Sequence[tuple[Plan, Path]], request: _Request, /, *, verbose: bool) -> Done:
    """Run one study after the other; where there are several, one that fails does not stop the others."""
    from platoscope.models import Shelf
    from platoscope.studies import Candidates

    done = Done()
    start = time.perf_counter()
    with open_progress(verbose=verbose) as progress, open_workers(request.cluster, progress) as cluster:
        shared: Mapping[str, Any] = {
            "store": request.store,
            "progress": progress,
            "candidates": Candidates(),
            "shelf": Shelf(progress),
            "cluster": cluster,
        }
        if len(jobs) > 1:
            done.passes = _extract_shared([plan for plan, _ in jobs], shared)
            done.seconds["choosing and reading"] = time.perf_counter() - start
        for plan, folder in jobs:
            try:
                done.finished.append((_execute(plan, folder, shared), folder))
            except USERS_TO_MEND as error:
                if len(jobs) == 1:
                    raise
                done.failures[plan.study.name] = error
    done.seconds["in all"] = time.perf_counter() - start
    return done


def _write_record(folder: Path, done: Done, /) -> None:
    """Leave beside the folders of all studies what they shared and took together."""
    from platoscope.studies.run.machine import describe_machine
    from platoscope.studies.run.run_folder import RunFolder

    assert done.passes is not None
    record = {"passes": vars(done.passes), "seconds": done.seconds, "machine": describe_machine()}
    RunFolder(folder).write_json("all", record)


def _extract_shared(plans: Sequence[Plan], shared: Mapping[str, Any], /) -> Passes | None:
    """Extract what several studies need, each thing once; what cannot be read is told, and left to its study."""
    from platoscope.studies import extract_all

    try:
        return extract_all(plans, **shared)
    except USERS_TO_MEND as error:
        # The study that needs it will fail with the same error, and the others go on.
        sys.stderr.write(f"Not everything could be extracted ahead: {sentence(error)}\n")
        return None


def _execute(plan: Plan, folder: Path, shared: Mapping[str, Any], /) -> StudyResult:
    """Compute, draw, and write the page; what no panel can draw is said before the computing."""
    from platoscope.report import check_panels, write_report
    from platoscope.studies import execute

    check_panels(plan.panels)
    result = execute(plan, out=folder, **shared)
    progress: Progress = shared["progress"]
    progress.stage("Drawing")
    try:
        write_report(result, folder)
    except Exception:
        sys.stderr.write(f"The results are kept; `platoscope figures {folder}` draws them.\n")
        raise
    progress.finish()
    return result
