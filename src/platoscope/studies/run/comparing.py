"""All comparisons of a run that have no result yet: one after the other here, or each by a worker of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.cluster import Task
from platoscope.hashing import digest
from platoscope.representations import Representations
from platoscope.studies.run import computing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.run.computation import Computation
    from platoscope.studies.run.results import Results

__all__ = ["compare_all"]


def compare_all(
    pending: Sequence[Comparison],
    results: Results,
    /,
    *,
    cluster: Cluster | None,
    keys: Mapping[str, str],
    computation: Callable[[Comparison], Computation],
    keep: Callable[[Comparison, xr.Dataset], None],
) -> None:
    """Compute comparisons, each when what it takes from others is there.

    Parameters
    ----------
    pending : sequence of Comparison
        In an order in which they can be computed.
    results : Results
        Where `keep` puts what is finished.
    cluster : Cluster or None
        Who computes; this process where there is none.
    keys : mapping of str to str
        By label, the digest of all that decides a result.
    computation : callable
        Gives what a comparison is computed from.
    keep : callable
        Told each comparison and its result.
    """
    if cluster is None:
        for item in pending:
            keep(item, computing.compute(computation(item)))
        return
    waiting = {item.label: item for item in pending}
    begun: dict[str, Comparison] = {}

    def ready() -> Iterator[Task]:
        for item in [item for item in waiting.values() if results.can_begin(item)]:
            task = _task(computation(item), keys[item.label])
            begun[task.key] = waiting.pop(item.label)
            yield task

    def take(task: Task, result: xr.Dataset) -> Iterator[Task]:
        keep(begun[task.key], result)
        return ready()

    cluster.run(ready(), on_done=take)


def _task(what: Computation, decided_by: str) -> Task:
    places = [stack.location for stack in (what.a, what.b, what.given) if isinstance(stack, Representations)]
    return Task(
        key=f"platoscope-compare-{digest([decided_by, places])}",
        what=f"comparison {what.comparison.label!r}",
        function=_compute,
        arguments=(what,),
    )


def _compute(what: Computation, /) -> xr.Dataset:
    """Compute a comparison, in a worker."""
    for stack in (what.a, what.b, what.given):
        if isinstance(stack, Representations):
            stack.require_there()
    return computing.compute(what)
