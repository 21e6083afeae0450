"""All comparisons of a run that have no result yet: one after the other here, or by workers, large ones by several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platoscope.cluster import Task
from platoscope.hashing import digest
from platoscope.layerwise import FoundPart
from platoscope.representations import Representations
from platoscope.studies.run import computing, splitting
from platoscope.studies.run.splitting import join_parts, n_pairs, n_parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.run.computation import Computation
    from platoscope.studies.run.kept_parts import KeptParts
    from platoscope.studies.run.results import Results
    from platoscope.studies.run.splitting import PartResult

__all__ = ["compare_all"]


def compare_all(
    pending: Sequence[Comparison],
    results: Results,
    /,
    *,
    cluster: Cluster | None,
    keys: Mapping[str, str],
    computation: Callable[[Comparison], Computation],
    parts: KeptParts,
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
    parts : KeptParts
        Where finished parts of a comparison are, until all of them are there.
    keep : callable
        Told each comparison and its result.
    """
    if cluster is None:
        for item in pending:
            keep(item, _compute_here(computation(item), parts, keys[item.label]))
        return
    _Spread(pending, results, cluster, keys, computation, parts, keep).run()


def _compute_here(what: Computation, parts: KeptParts, key: str) -> xr.Dataset:
    """Compute a comparison in this process; of one that workers had begun in parts, those that are left."""
    wanted, found = parts.of(key)
    n = 1 if wanted is None else n_parts_of(what, wanted)
    if wanted is None or n == 1:
        return computing.compute(what)
    there: dict[int, PartResult] = {place: part for place, part in found.items() if place < n}
    for place in range(n):
        if place not in there:
            part = there[place] = splitting.compute_part(what, wanted, place)
            if isinstance(part, FoundPart):
                parts.add(key, wanted, place, part)
    return join_parts(what, wanted, there)


@dataclass
class _Spread:
    """What is computed by workers: comparisons, and those that are large beside the others in parts."""

    pending: Sequence[Comparison]
    results: Results
    cluster: Cluster
    keys: Mapping[str, str]
    computation: Callable[[Comparison], Computation]
    parts: KeptParts
    keep: Callable[[Comparison, xr.Dataset], None]
    _begun: dict[str, tuple[Comparison, int]] = field(default_factory=dict, init=False)
    """By the key of a task: whose it is, and which part."""
    _cut: dict[str, _Cut] = field(default_factory=dict, init=False)
    """By label: what is computed in parts."""

    def run(self) -> None:
        """Compute all."""
        waiting = {item.label: item for item in self.pending}

        def ready() -> Iterator[Task]:
            # What all parts are kept of is finished at once, and others may begin by that.
            while begins := [item for item in waiting.values() if self.results.can_begin(item)]:
                for item in begins:
                    del waiting[item.label]
                yield from self._tasks({item.label: self.computation(item) for item in begins})

        def take(task: Task, found: Any) -> Iterator[Task]:
            item, place = self._begun[task.key]
            cut = self._cut.get(item.label)
            if cut is None:
                self.keep(item, found)
            else:
                cut.found[place] = found
                if isinstance(found, FoundPart):
                    self.parts.add(self.keys[item.label], cut.wanted, place, found)
                self._join(cut)
            return ready()

        self.cluster.run(ready(), on_done=take)

    def _tasks(self, begins: Mapping[str, Computation]) -> Iterator[Task]:
        """Give a task for each comparison that can begin; for one with a worker's share of all pairs, several."""
        pairs = {label: n_pairs(what) for label, what in begins.items()}
        for label, what in begins.items():
            wanted, found = self.parts.of(self.keys[label])
            if wanted is None:
                wanted = round(self.cluster.n_workers * pairs[label] / sum(pairs.values()))
            n = n_parts_of(what, wanted)
            if n > 1:
                yield from self._tasks_of_parts(what, wanted, n, found)
            else:
                yield self._begin(what, 0, Task(self._key(what), f"comparison {label!r}", _compute, (what,)))

    def _tasks_of_parts(
        self, what: Computation, wanted: int, n: int, found: Mapping[int, PartResult]
    ) -> Iterator[Task]:
        """Give a task for each part that is not kept; where all are, the comparison is finished."""
        label = what.comparison.label
        cut = _Cut(what, wanted, n, {place: part for place, part in found.items() if place < n})
        self._cut[label] = cut
        left = [place for place in range(n) if place not in cut.found]
        for place in left:
            task = Task(
                f"{self._key(what)}-{place}-of-{wanted}",
                f"part {place + 1} of {n} of comparison {label!r}",
                _compute_part,
                (what, wanted, place),
            )
            yield self._begin(what, place, task)
        if not left:
            self._join(cut)

    def _begin(self, what: Computation, place: int, task: Task) -> Task:
        self._begun[task.key] = what.comparison, place
        return task

    def _join(self, cut: _Cut) -> None:
        """Finish a comparison, where all its parts are there."""
        if len(cut.found) == cut.n:
            item = cut.what.comparison
            del self._cut[item.label]
            self.keep(item, join_parts(cut.what, cut.wanted, cut.found))

    def _key(self, what: Computation) -> str:
        places = [
            stack.location for stack in (what.a, what.b, what.given) if isinstance(stack, Representations)
        ]
        return f"platoscope-compare-{digest([self.keys[what.comparison.label], places])}"


@dataclass
class _Cut:
    """A comparison that is computed in parts, and those that are there."""

    what: Computation
    wanted: int
    n: int
    found: dict[int, PartResult]


def _compute(what: Computation, /) -> xr.Dataset:
    """Compute a comparison, in a worker."""
    _require_there(what)
    return computing.compute(what)


def _compute_part(what: Computation, wanted: int, place: int, /) -> PartResult:
    """Compute a part of a comparison, in a worker."""
    _require_there(what)
    return splitting.compute_part(what, wanted, place)


def _require_there(what: Computation) -> None:
    for stack in (what.a, what.b, what.given):
        if isinstance(stack, Representations):
            stack.require_there()
