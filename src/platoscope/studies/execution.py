"""Running a plan: choose items, extract, compare, judge; interrupted runs go on where they stopped."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.studies.comparison import Source
from platoscope.studies.encoders import ModelRequest, Shelf
from platoscope.studies.items import select_items
from platoscope.studies.progress import SILENT
from platoscope.studies.run_folder import DIGEST, RunFolder
from platoscope.studies.runs import StudyResult, plan_to
from platoscope.studies.serial import comparison_to, digest

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    import xarray as xr

    from platoscope.representations import Representations
    from platoscope.studies.comparison import Comparison, Items
    from platoscope.studies.items import Selection
    from platoscope.studies.planning import Extraction, Plan
    from platoscope.studies.progress import Progress

__all__ = ["execute", "extract_all"]


def execute(
    plan: Plan,
    /,
    *,
    out: str | os.PathLike[str],
    store: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
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

    Returns
    -------
    StudyResult

    Raises
    ------
    InputError
        If there are too few items, or a model cannot read them.
    StorageError
        If the folder or the store cannot be written. Finished comparisons are kept.
    """
    folder = RunFolder(Path(out))
    folder.prepare()
    folder.write_json("config", plan_to(plan))
    run = _Run(plan, progress, store)
    results: dict[str, xr.Dataset] = {}
    selections = run.select()
    keys = {item.label: run.key(item, selections) for item in plan.comparisons}
    for item in plan.comparisons:
        kept = folder.read_result(item.label, digest=keys[item.label])
        if kept is not None:
            results[item.label] = kept
    pending = [item for item in plan.comparisons if item.label not in results]
    representations = run.extract([item for item in pending if item.items is not None], selections)
    progress.stage("Comparing", len(pending))
    for done, item in enumerate(_in_order(pending), start=1):
        with run.timed("comparison"):
            result = run.compare(item, selections, representations, results)
        result.attrs[DIGEST] = keys[item.label]
        folder.write_result(item.label, result)
        results[item.label] = result
        progress.advance(done, item.label)
    progress.finish()
    ordered = {item.label: results[item.label] for item in plan.comparisons}
    return _conclude(run, folder, ordered, selections)


def extract_all(
    plans: Sequence[Plan],
    /,
    *,
    store: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
) -> int:
    """Extract what several plans need, model by model, before any of them is executed.

    Parameters
    ----------
    plans : sequence of Plan
        From `platoscope.studies.share`, so that equal extractions have equal poolings.
    store, progress
        As in `execute`.

    Returns
    -------
    int
        Passes over a model; the plans ask for ``sum(plan.n_requested for plan in plans)`` sides.
    """
    passes = []
    for plan in plans:
        run = _Run(plan, progress, store)
        selections = run.select()
        passes += [(run, extraction, selections[extraction.items]) for extraction in plan.extractions]
    models = list(dict.fromkeys(_request(extraction) for _, extraction, _ in passes))
    passes.sort(key=lambda item: models.index(_request(item[1])))
    done: set[tuple[Extraction, str]] = set()
    shelf = Shelf(on_load=lambda name: progress.stage(f"Loading {name}"))
    for run, extraction, selection in passes:
        key = (extraction, selection.pairs.fingerprint())
        if key not in done:
            run.shelf = shelf
            run.extract_one(extraction, selection)
            done.add(key)
    progress.finish()
    return len(done)


@dataclass
class _Run:
    """What the steps of one execution share: the plan, the loaded model, the clock."""

    plan: Plan
    progress: Progress
    store: str | os.PathLike[str] | None
    timings: dict[str, float] = field(default_factory=dict)
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = Shelf(on_load=lambda name: self.progress.stage(f"Loading {name}"))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage; loading a model within it counts as loading."""
        start, loaded = time.perf_counter(), self.shelf.seconds
        try:
            yield
        finally:
            loading = self.shelf.seconds - loaded
            spent = time.perf_counter() - start - loading
            self.timings[stage] = self.timings.get(stage, 0.0) + spent
            self.timings["loading"] = self.timings.get("loading", 0.0) + loading

    def select(self) -> dict[Items, Selection]:
        """Choose the items of every comparison."""
        wanted = list(dict.fromkeys(item.items for item in self.plan.comparisons if item.items is not None))
        if not wanted:
            return {}
        self.progress.stage("Choosing items", sum(max(1, len(items.tokenizers)) for items in wanted))
        count = iter(range(1, 1 + sum(len(items.tokenizers) for items in wanted)))
        with self.timed("items"):
            return select_items(
                wanted,
                n=self.plan.settings.n,
                seed=self.plan.settings.seed,
                shortfall=self.plan.study.shortfall,
                encoder_of=lambda name: self.shelf.remember(self._counting(name)),
                on_done=lambda items: self.progress.advance(next(count), items.data),
            )

    def _counting(self, name: str) -> ModelRequest:
        """Count with the model as it will read, so that it is loaded once."""
        for extraction in self.plan.extractions:
            if extraction.model == name:
                return _request(extraction)
        return ModelRequest(name)

    def key(self, comparison: Comparison, selections: Mapping[Items, Selection]) -> str:
        """Give the digest of all that decides the result of a comparison."""
        settings = self.plan.settings
        content: dict[str, Any] = {"comparison": comparison_to(comparison), "settings": vars(settings)}
        if comparison.items is not None:
            content["items"] = selections[comparison.items].pairs.fingerprint()
            content["models"] = [
                dict(self.shelf.remember(_request(side)).provenance)
                for side in comparison.sides
                if isinstance(side, Source)
            ]
        if comparison.fixed is not None and comparison.fixed.minimum_of is not None:
            other = next(item for item in self.plan.comparisons if item.label == comparison.fixed.minimum_of)
            content["minimum_of"] = self.key(other, selections)
        return digest(content)

    def extract(
        self, comparisons: Sequence[Comparison], selections: Mapping[Items, Selection]
    ) -> dict[Extraction, Representations]:
        """Read what `comparisons` need, model by model."""
        from platoscope.studies.planning import extraction_of

        needed = {
            extraction_of(item, side).identity
            for item in comparisons
            for side in item.sides
            if isinstance(side, Source)
        }
        return {
            extraction.identity: self.extract_one(extraction, selections[extraction.items])
            for extraction in self.plan.extractions
            if extraction.identity in needed
        }

    def extract_one(self, extraction: Extraction, selection: Selection) -> Representations:
        """Read one side of the items with one model, or open what is on disk."""
        from platoscope.representations import extract

        encoder = self.shelf.remember(_request(extraction))
        what = f"Reading {extraction.items.data} ({extraction.side}) with {extraction.model}"
        opened = False

        def advance(done: int, total: int, tokens_per_second: float) -> None:
            nonlocal opened
            if not opened:
                self.progress.stage(what, total)
                opened = True
            self.progress.advance(done, f"{tokens_per_second:,.0f} tokens/s")

        with self.timed("extraction"):
            return extract(
                encoder,
                selection.pairs,
                side=extraction.side,
                pooling=extraction.poolings,
                store=self.store,
                layers=extraction.layers,
                progress=advance,
            )

    def compare(
        self,
        comparison: Comparison,
        selections: Mapping[Items, Selection],
        representations: Mapping[Extraction, Representations],
        results: Mapping[str, xr.Dataset],
    ) -> xr.Dataset:
        """Compute one comparison and say in its attributes where it comes from."""
        from platoscope.studies.computing import Computation, compute
        from platoscope.studies.stacks import names_of, position_of, stack_of

        selection = None if comparison.items is None else selections[comparison.items]
        sides = [
            stack_of(side, comparison, selection, representations, self.shelf, self.plan.settings)
            for side in comparison.sides
        ]
        last = sides[0]
        task = Computation(
            comparison=comparison,
            a=last,
            b=sides[1],
            settings=self.plan.settings,
            strata=None if selection is None else selection.pairs.strata,
            position=position_of(comparison, sides, results),
            grid=_grid_of(comparison, self.plan.comparisons, results),
            at_distance=lambda distance: last.with_pooling(f"token({distance})"),
        )
        result = compute(task)
        name_a, name_b = names_of(comparison, selection)
        result.attrs |= {
            "label": comparison.label,
            "kind": comparison.kind,
            "study": self.plan.study.name,
            "name_a": name_a,
            "name_b": name_b,
            "comparison": json.dumps(comparison_to(comparison)),
        }
        if selection is not None:
            # Equal items give equal subsamples, so that differences between comparisons are paired as well.
            result.attrs["subsamples"] = digest([selection.pairs.fingerprint(), vars(self.plan.settings)])
        return result


def _request(side: Source | Extraction) -> ModelRequest:
    return ModelRequest(side.model, tower=side.tower, revision=side.revision, drop_last=side.drop_last)


def _in_order(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Put grids before the profiles that are slices of them, and profiles before what takes a layer from them."""
    return sorted(
        comparisons, key=lambda item: (bool(item.fixed and item.fixed.minimum_of), item.kind != "grid")
    )


def _grid_of(
    comparison: Comparison, others: Sequence[Comparison], results: Mapping[str, xr.Dataset]
) -> xr.Dataset | None:
    """Find the finished grid of the same two stacks over the same items."""
    if comparison.kind != "profile":
        return None
    for other in others:
        same = (other.a, other.b, other.items, other.shuffle, other.null_within_strata) == (
            comparison.a,
            comparison.b,
            comparison.items,
            comparison.shuffle,
            comparison.null_within_strata,
        )
        if other.kind == "grid" and same and other.label in results:
            return results[other.label]
    return None


def _conclude(
    run: _Run,
    folder: RunFolder,
    results: Mapping[str, xr.Dataset],
    selections: Mapping[Items, Selection],
) -> StudyResult:
    """Judge, summarize, and write what is not a result of a comparison."""
    from platoscope.studies.summary import summarize, tidy

    plan = run.plan
    verdicts = tuple(statement.judge(results) for statement in plan.statements)
    summary = summarize(results)
    provenance = {
        "versions": {
            "platoscope": version("platoscope"),
            "numpy": version("numpy"),
            "xarray": version("xarray"),
        },
        "items": {
            f"{items.data} ({', '.join(items.tokenizers) or 'no limits'})": selection.provenance
            for items, selection in selections.items()
        },
        "models": {
            extraction.model: dict(run.shelf.remember(_request(extraction)).provenance)
            for extraction in plan.extractions
        },
        "notes": list(plan.study.notes),
    }
    folder.write_table(tidy(results))
    folder.write_json("summary", summary)
    folder.write_json("verdicts", [vars(verdict) for verdict in verdicts])
    folder.write_json("provenance", {**provenance, "timings": run.timings})
    return StudyResult(
        study=plan.study,
        plan=plan,
        results=dict(results),
        verdicts=verdicts,
        summary=summary,
        timings=dict(run.timings),
        provenance=provenance,
        folder=folder.path,
    )
