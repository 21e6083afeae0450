"""Several studies at once: what they need of the models is read together, each thing once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platoscope.models import Shelf
from platoscope.progress import SILENT
from platoscope.studies.plan.extraction import join_poolings
from platoscope.studies.run.items import Candidates
from platoscope.studies.run.workbench import Workbench

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Sequence

    from platoscope.cluster import Cluster
    from platoscope.datasets import Side
    from platoscope.progress import Progress
    from platoscope.studies.plan.extraction import Extraction
    from platoscope.studies.plan.planning import Plan
    from platoscope.studies.run.items import Selection

__all__ = ["Passes", "extract_all", "share"]


@dataclass(frozen=True)
class Passes:
    """How often models read items for several studies.

    Parameters
    ----------
    asked : int
        Sides that the comparisons of all studies ask for.
    different : int
        Passes over a model that serve them: one for each model and text.
    read : int
        Passes that were made now; the others were on disk.
    """

    asked: int
    different: int
    read: int


def share(plans: Sequence[Plan], /) -> tuple[Plan, ...]:
    """Let several plans extract together: whoever comes first keeps the poolings that all of them need.

    Equal extractions of later plans then find everything on disk, and no model reads the same items twice.

    Returns
    -------
    tuple of Plan
        In the same order, with the poolings of equal extractions joined.
    """
    poolings: dict[tuple[Extraction, int, int], tuple[str, ...]] = {}
    for plan in plans:
        for extraction in plan.extractions:
            key = (extraction.identity, plan.settings.n, plan.settings.seed)
            poolings[key] = join_poolings((*poolings.get(key, ()), *extraction.poolings))
    return tuple(
        replace(
            plan,
            extractions=tuple(
                replace(item, poolings=poolings[item.identity, plan.settings.n, plan.settings.seed])
                for item in plan.extractions
            ),
        )
        for plan in plans
    )


def extract_all(
    plans: Sequence[Plan],
    /,
    *,
    store: str | os.PathLike[str] | None = None,
    progress: Progress = SILENT,
    candidates: Candidates | None = None,
    shelf: Shelf | None = None,
    cluster: Cluster | None = None,
) -> Passes:
    """Extract what several plans need, model by model, before any of them is executed.

    Parameters
    ----------
    plans : sequence of Plan
        From `platoscope.studies.share`, so that equal extractions have equal poolings.
    store, progress
        As in `execute`.
    candidates : Candidates, optional
        Takes up the items of all plans, to be given to `execute`.
    shelf : platoscope.models.Shelf, optional
        Where models stand, to be given to `execute` as well, so that one is in memory at a time.
    cluster : platoscope.cluster.Cluster, optional
        Who reads, to be given to `execute` as well; this process by default.

    Returns
    -------
    Passes
        How many sides the comparisons ask for, and how many passes over a model serve them.
    """
    candidates = Candidates() if candidates is None else candidates
    shelf = Shelf(progress) if shelf is None else shelf
    wanted = []
    for plan in plans:
        run = Workbench(plan, progress, store, candidates, shelf, cluster)
        selections = run.select()
        wanted += [(run, extraction, selections.of(extraction.items)) for extraction in plan.extractions]
    # Equal content is one pass, whatever the pairs are called: languages share their English side.
    passes: dict[tuple[Hashable, str], list[tuple[Workbench, Extraction, Selection]]] = {}
    for run, extraction, selection in wanted:
        side: Side = getattr(selection.pairs, extraction.side)
        key = (run.model(extraction).forward, side.fingerprint())
        passes.setdefault(key, []).append((run, extraction, selection))
    models = list(dict.fromkeys(model for model, _ in passes))
    read = 0
    for _, together in sorted(passes.items(), key=lambda item: models.index(item[0][0])):
        run = together[0][0]
        before = run.n_read
        run.read([(extraction, selection) for _, extraction, selection in together])
        read += run.n_read - before
    progress.finish()
    return Passes(asked=sum(plan.n_requested for plan in plans), different=len(passes), read=read)
