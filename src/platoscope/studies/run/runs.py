"""A finished run: what `execute` returns, and what `load_run` reads back from its folder."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope import kept
from platoscope.arguments import a_path
from platoscope.cards import card, cut
from platoscope.errors import InputError, NotFoundError, PlatoscopeWarning, StorageError
from platoscope.layerwise import per_item
from platoscope.studies.design.records import Choices, Design, Study, Verdict
from platoscope.studies.design.serial import (
    comparison_from,
    comparison_to,
    panel_from,
    panel_to,
    record_from,
    settings_from,
)
from platoscope.studies.plan.availability import LeftOut
from platoscope.studies.plan.extraction import extractions_of
from platoscope.studies.plan.planning import Plan
from platoscope.studies.run.run_folder import RunFolder
from platoscope.studies.run.shown_items import read_items
from platoscope.wording import listed

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

    from platoscope.studies.design.records import Panel

__all__ = ["RunProblem", "StudyResult", "load_plan", "load_run", "plan_to", "verify_run"]

_FORMAT = 2
"""Of config.json. The first one, which did not say so, was of runs that compared rows as they were."""
_WORDS = ("name", "question", "figure", "needs", "shortfall", "notes")


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """What a study found.

    Parameters
    ----------
    study : Study
        The question.
    plan : Plan
        How it was answered.
    results : dict of str to xarray.Dataset
        By the label of the comparison, in the order of the plan.
    verdicts : tuple of Verdict
        The statements, judged.
    summary : dict
        The closing table; see `platoscope.studies.judge.summary.summarize`.
    timings : dict of str to float
        Seconds by stage: ``items``, ``loading``, ``extraction``, ``comparison``.
    provenance : dict
        Models, data with filter counts, versions.
    folder : Path
        The run's folder.
    kept : tuple of str, optional
        The labels of the comparisons that were in the folder already, where it was run now.
    """

    study: Study
    plan: Plan
    results: dict[str, xr.Dataset]
    verdicts: tuple[Verdict, ...]
    summary: dict[str, Any]
    timings: dict[str, float]
    provenance: dict[str, Any]
    folder: Path
    kept: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<StudyResult {cut(self.study.name, 200)!r}: {self._described()}; in {cut(self.folder)}>"

    def _repr_html_(self) -> str:
        return card(
            f"{self.study.name}: {self.study.question}",
            {"holds": self._described(), "results": listed(self.results), "folder": self.folder},
            header=("verdict", "statement", "evidence"),
            rows=[(verdict.answer, verdict.statement, verdict.evidence) for verdict in self.verdicts],
            more=self.provenance,
        )

    def _described(self) -> str:
        answers = Counter(verdict.answer for verdict in self.verdicts)
        judged = ", ".join(f"{count} {answer}" for answer, count in answers.items()) or "none"
        return f"{len(self.results)} results; statements: {judged}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The pictures of this run: those of which at least one comparison was computed."""
        return tuple(panel for panel in self.plan.panels if panel.conditions(self.results))

    def per_item(self, label: str | None = None, /) -> pd.DataFrame:
        """Tell which items carry the imbalance of each layer, and which are hubs.

        Parameters
        ----------
        label : str, optional
            Of a comparison; by default the table is of all profiles and sweeps whose results tell of single items. A grid,
            which has a rank for every item in every cell, must be named.

        Returns
        -------
        pandas.DataFrame
            That of `platoscope.per_item`, with the column ``comparison`` in front, and the texts in ``a`` and ``b``
            where sides are texts that the run kept.

        Raises
        ------
        NotFoundError
            If there is no such comparison.
        InputError
            If nothing tells of single items: a run with ``items=False``, or one from before there were any.
        StorageError
            If the texts are missing or damaged.
        """
        import pandas as pd  # 1.4 s to import

        labels = [
            item.label
            for item in self.plan.comparisons
            if label is None and item.kind != "grid" and "neighbor_rank" in self.results[item.label]
        ]
        if label is not None:
            labels = [self.plan.comparison(label).label]
        if not labels:
            grid = next((name for name, result in self.results.items() if "neighbor_rank" in result), None)
            why = (
                "it has none over data, was run with items=False (--no-items), or is from before there were any. Run the "
                "study again."
                if grid is None
                else f"a grid that does must be named, as per_item({grid!r})."
            )
            msg = f"{self.folder} has no profile or sweep that tells of single items; {why}"
            raise InputError(msg)
        return pd.concat([self._items_of(name) for name in labels], ignore_index=True)

    def _items_of(self, label: str) -> pd.DataFrame:
        table = per_item(self.results[label])
        table.insert(0, "comparison", label)
        kept_items = read_items(self, label)
        if kept_items is not None and kept_items.shown:
            sides = zip(("a", "b"), (kept_items.a, kept_items.b), kept_items.modalities, strict=True)
            for side, contents, modality in sides:
                if modality == "text":
                    table[side] = table["item"].map(dict(zip(kept_items.ids, contents, strict=True)))
        return table


@dataclass(frozen=True, kw_only=True)
class RunProblem:
    """A file of a run that cannot be used.

    Parameters
    ----------
    file : str
        Its place in the run's folder.
    reason : str
        What is wrong.
    """

    file: str
    reason: str


def plan_to(plan: Plan, /) -> dict[str, Any]:
    """Give a plan as plain values; statements stay out, since a run keeps their verdicts."""
    return {
        "format": _FORMAT,
        "study": {name: getattr(plan.study, name) for name in _WORDS},
        "choices": vars(plan.choices),
        "settings": vars(plan.settings),
        "comparisons": [comparison_to(item) for item in plan.comparisons],
        "panels": [panel_to(item) for item in plan.panels],
        "left_out": [vars(item) for item in plan.left_out],
    }


def load_run(folder: str | os.PathLike[str], /) -> StudyResult:
    """Read a finished run.

    Parameters
    ----------
    folder : path
        The folder that `execute` wrote.

    Returns
    -------
    StudyResult
        Equal to what `execute` returned; the study's `design` gives the run's own comparisons and panels.

    Raises
    ------
    NotFoundError
        If the folder holds no finished run.
    StorageError
        If a file of it is damaged.

    Warns
    -----
    PlatoscopeWarning
        If the run is from before files had checksums, so that damage would not be seen.
    """
    run = RunFolder(a_path("folder", folder))
    plan = load_plan(folder)
    if not kept.has_checksums(run.path):
        message = (
            f"{run.path} has no {kept.CHECKSUMS}: damage would not be seen. Run the study again with --out."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
    verdicts = _verdicts_from(run.read_json("verdicts"), where=str(run.path))
    results = {}
    for comparison in plan.comparisons:
        result = run.read_result(comparison.label)
        if result is None:
            msg = f"{run.path} lacks the result of {comparison.label!r}; run the study again with --out {run.path}."
            raise NotFoundError(msg)
        results[comparison.label] = result
    provenance = dict(run.read_json("provenance"))
    timings = provenance.pop("timings", {})
    return StudyResult(
        study=plan.study,
        plan=plan,
        results=results,
        verdicts=verdicts,
        summary=run.read_json("summary"),
        timings=timings,
        provenance=provenance,
        folder=run.path,
    )


def load_plan(folder: str | os.PathLike[str], /) -> Plan:
    """Read what a run computed and how, without its results; statements stay out, since a run keeps verdicts.

    Raises
    ------
    NotFoundError
        If the folder holds no run.
    StorageError
        If its configuration is damaged or of another version.
    """
    run = RunFolder(Path(folder))
    return _plan_from(run.read_json("config"), where=str(run.path))


def verify_run(folder: str | os.PathLike[str], /) -> tuple[RunProblem, ...]:
    """Hold every file of a run against its checksum, the figures and the page included.

    Parameters
    ----------
    folder : path
        The folder that `execute` wrote.

    Returns
    -------
    tuple of RunProblem
        Empty where everything is whole. A run that is not finished lacks files.

    Raises
    ------
    NotFoundError
        If the folder holds no run.
    """
    run = RunFolder(a_path("folder", folder))
    try:
        labels = [item.label for item in load_plan(folder).comparisons]
    except StorageError:
        labels = []  # the configuration itself is among the problems
    found = run.problems(labels)
    return tuple(RunProblem(file=name, reason=reason) for name, reason in found)


def _verdicts_from(content: Any, *, where: str) -> tuple[Verdict, ...]:
    try:
        return tuple(Verdict(**item) for item in content)
    except TypeError as error:
        msg = f"{where}/verdicts.json is not of this version of Platoscope: {error!r}. Run the study again."
        raise StorageError(msg) from error


def _plan_from(content: Mapping[str, Any], *, where: str) -> Plan:
    found = content.get("format", 1) if isinstance(content, dict) else None
    if found != _FORMAT:
        msg = (
            f"{where} was written by another version of Platoscope (its config.json has format {found}, this version "
            f"reads {_FORMAT}), whose settings meant something else. Run the study again with --out, in a new folder."
        )
        raise StorageError(msg)
    try:
        comparisons = tuple(comparison_from(item, where=where) for item in content["comparisons"])
        design = Design(comparisons=comparisons, panels=())
        choices = record_from(Choices, content["choices"], where=where)
        words = {**content["study"], "notes": tuple(content["study"]["notes"])}
        settings = settings_from(content["settings"], where=where)
        panels = tuple(panel_from(item, where=where) for item in content["panels"])
        left_out = tuple(LeftOut(**item) for item in content["left_out"])
        study = Study(design=lambda _: replace(design, panels=()), **words)
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"{where}/config.json is not of this version of Platoscope: {error!r}. Run the study again."
        raise StorageError(msg) from error
    return Plan(
        study=study,
        choices=choices,
        settings=settings,
        comparisons=comparisons,
        panels=panels,
        statements=(),
        extractions=extractions_of(comparisons),
        left_out=left_out,
    )
