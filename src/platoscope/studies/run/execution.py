"""Running a plan: choose items, extract, compare, judge; interrupted runs go on where they stopped."""

from __future__ import annotations

import warnings
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from platoscope.arguments import a_path, instance
from platoscope.cluster import check_cluster, using_cluster
from platoscope.errors import PlatoscopeWarning, StorageError
from platoscope.layerwise import compile_kernels, to_frame
from platoscope.models import Shelf
from platoscope.progress import SILENT, check_stages
from platoscope.representations.housekeeping import check_store
from platoscope.studies.design.comparison import Source
from platoscope.studies.design.measured import ITEMS_LEFT_OUT
from platoscope.studies.judge.summary import summarize
from platoscope.studies.plan.planning import Plan
from platoscope.studies.run.comparing import compare_all
from platoscope.studies.run.items import Candidates
from platoscope.studies.run.kept_parts import KeptParts
from platoscope.studies.run.machine import describe_machine
from platoscope.studies.run.results import Results
from platoscope.studies.run.run_folder import DIGEST, RunFolder
from platoscope.studies.run.runs import StudyResult, plan_to
from platoscope.studies.run.stacks import warn_of_labels
from platoscope.studies.run.workbench import Workbench

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.progress import Progress
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.records import Verdict
    from platoscope.studies.plan.extraction import Extraction
    from platoscope.studies.run.items import Selections

__all__ = ["execute", "judge_all"]


def execute(
    plan: Plan,
    /,
    *,
    out: str | os.PathLike[str],
    store: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    candidates: Candidates | None = None,
    shelf: Shelf | None = None,
    cluster: Cluster | str | os.PathLike[str] | None = None,
) -> StudyResult:
    """Run a plan and write its folder.

    Parameters
    ----------
    plan : Plan
        From `make_plan`.
    out : path
        The run's folder. Comparisons in it that were computed from the same items, models and settings are
        kept.
    store : path or URL, optional
        Where representations are kept; the user's cache by default.
    progress : Progress
        Told what is going on.
    candidates : Candidates, optional
        Those of other plans (`platoscope.studies.extract_all`), which need not be loaded and filtered again.
    shelf : platoscope.models.Shelf, optional
        Where models stand; shared by several plans, one model is in memory at a time.
    cluster : Cluster, str or path, optional
        Who reads and compares, as `platoscope.cluster.open_cluster` takes or gives it; this process by default. The numbers
        are the same. Workers must see the store; the folder of the run is written here.

    Returns
    -------
    StudyResult

    Raises
    ------
    InputError
        If there are too few items, a model cannot read them, or two comparisons would share a file.
    StorageError
        If the folder or the store cannot be written, or another run was started in the folder meanwhile.
        Finished comparisons are kept.
    ClusterError
        If workers are lost, or see another store or model. What is finished is kept.
    """
    instance("plan", plan, Plan, made_by="make_plan")
    folder = RunFolder(a_path("out", out))
    check_stages(progress)
    candidates = Candidates() if candidates is None else instance("candidates", candidates, Candidates)
    shelf = Shelf(progress) if shelf is None else instance("shelf", shelf, Shelf)
    check_store(store)
    check_cluster(cluster)
    folder.prepare()
    if not folder.holds("config", plan_to(plan)):
        folder.reopen()
        folder.write_json("config", plan_to(plan))
    with using_cluster(cluster, progress=progress) as workers:
        return _execute(Workbench(plan, progress, store, candidates, shelf, workers), folder)


def _execute(run: Workbench, folder: RunFolder) -> StudyResult:
    """Do what is not done yet."""
    plan, progress = run.plan, run.progress
    results = Results(plan)
    selections = run.select()
    warn_of_labels(plan, selections)
    run.keep_items(folder, selections)
    keys = {item.label: run.key(item, selections) for item in plan.comparisons}
    there = folder.kept_results(keys)
    for label, result in there.items():
        results.add(label, result)
    pending = results.pending()
    parts = KeptParts(folder.path / "parts")
    parts.forget_others(keys[item.label] for item in pending)
    readings = run.extract(pending, selections)
    if pending:
        folder.reopen()
        progress.stage("Compiling")
        with run.timed("compilation"):
            compile_kernels()

    def keep(item: Comparison, result: xr.Dataset) -> None:
        run.name(result, item, selections)
        result.attrs[DIGEST] = keys[item.label]
        if ITEMS_LEFT_OUT in result.attrs:
            warnings.warn(f"{item.label}: {result.attrs[ITEMS_LEFT_OUT]}", PlatoscopeWarning, stacklevel=2)
        folder.write_result(item.label, result)
        results.add(item.label, result)
        parts.forget_others(keys[left.label] for left in results.pending())
        progress.advance(len(pending) - len(results.pending()), item.label)

    progress.stage("Comparing", len(pending))
    if pending:
        with run.timed("comparison"):
            compare_all(
                pending,
                results,
                cluster=run.cluster,
                keys=keys,
                computation=lambda item: run.computation(item, selections, readings, results),
                parts=parts,
                keep=keep,
            )
    progress.finish()
    return _conclude(run, folder, results, selections, kept=tuple(there))


def _conclude(
    run: Workbench, folder: RunFolder, finished: Results, selections: Selections, *, kept: tuple[str, ...]
) -> StudyResult:
    """Judge, summarize, and write what is not a result of a comparison."""
    plan = run.plan
    results = finished.by_label()
    if not folder.holds("config", plan_to(plan)):
        msg = f"another run was started in {folder.path} meanwhile; give each its own folder with --out"
        raise StorageError(msg)
    verdicts = judge_all(plan, results)
    summary = summarize(results)
    provenance = {
        "machine": describe_machine(),
        "versions": {
            "platoscope": version("platoscope"),
            "numpy": version("numpy"),
            "xarray": version("xarray"),
        },
        "items": selections.provenance,
        "models": {
            _reader(extraction): dict(run.model(extraction).provenance) for extraction in plan.extractions
        },
        "notes": list(plan.study.notes),
    }
    folder.write_table(to_frame(results))
    folder.write_json("summary", summary)
    folder.write_json("verdicts", [vars(verdict) for verdict in verdicts])
    folder.write_json("provenance", {**provenance, "timings": run.timings})
    return StudyResult(
        study=plan.study,
        plan=plan,
        results=results,
        verdicts=verdicts,
        summary=summary,
        timings=dict(run.timings),
        provenance=provenance,
        folder=folder.path,
        kept=kept,
    )


def judge_all(plan: Plan, results: Mapping[str, xr.Dataset], /) -> tuple[Verdict, ...]:
    """Judge the statements of a plan; of what was left out, a verdict says why and how to get it."""
    gone = {item.label: f"{item.reason} {item.remedy}" for item in plan.left_out}
    verdicts = []
    for statement in plan.statements:
        verdict = statement.judge(results)
        if verdict.answer == "not computed here":
            why = dict.fromkeys(gone[label] for label in statement.needs if label in gone)
            verdict = replace(verdict, evidence=" ".join([verdict.evidence, *why]))
        verdicts.append(verdict)
    return tuple(verdicts)


def _reader(extraction: Extraction) -> str:
    """Name a model and what sets one of its readings apart from another: the tower, and options that are not default."""
    tower = f" ({extraction.tower})" if extraction.tower else ""
    default = Source(model=extraction.model)
    options = "".join(
        f", {name}={getattr(extraction, name)}"
        for name in ("drop_last", "clip", "final_norm")
        if getattr(extraction, name) != getattr(default, name)
    )
    return f"{extraction.model}{tower}{options}"
