"""All comparisons of a run that have no result yet: one after the other here, or by workers, large ones by several."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platoscope.cluster import Task
from platoscope.hashing import digest
from platoscope.representations import Representations
from platoscope.studies.run import computing, splitting
from platoscope.studies.run.splitting import join_parts, n_pairs, n_parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.layerwise import FoundPart
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
    _Spread(pending, results, cluster, keys, computation, keep).run()


@dataclass
class _Spread:
    """What is computed by workers: comparisons, and those that are large beside the others in parts."""

    pending: Sequence[Comparison]
    results: Results
    cluster: Cluster
    keys: Mapping[str, str]
    computation: Callable[[Comparison], Computation]
    keep: Callable[[Comparison, xr.Dataset], None]
    _begun: dict[str, tuple[Comparison, int]] = field(default_factory=dict, init=False)
    """By the key of a task: whose it is, and which part."""
    _parts: dict[str, _Parts] = field(default_factory=dict, init=False)
    """By label: what is computed in parts."""

    def run(self) -> None:
        """Compute all."""
        waiting = {item.label: item for item in self.pending}

        def ready() -> Iterator[Task]:
            begins = [item for item in waiting.values() if self.results.can_begin(item)]
            for item in begins:
                del waiting[item.label]
            yield from self._tasks({item.label: self.computation(item) for item in begins})

        def take(task: Task, found: Any) -> Iterator[Task]:
            item, place = self._begun[task.key]
            parts = self._parts.get(item.label)
            if parts is not None:
                parts.found[place] = found
                if len(parts.found) < parts.n:
                    return iter(())
                found = join_parts(parts.what, parts.wanted, self._parts.pop(item.label).found)
            self.keep(item, found)
            return ready()

        self.cluster.run(ready(), on_done=take)

    def _tasks(self, begins: Mapping[str, Computation]) -> Iterator[Task]:
        """Give a task for each comparison that can begin; for one with a worker's share of all pairs, several."""
        pairs = {label: n_pairs(what) for label, what in begins.items()}
        for label, what in begins.items():
            wanted = round(self.cluster.n_workers * pairs[label] / sum(pairs.values()))
            n = n_parts_of(what, wanted)
            key = self._key(what)
            if n > 1:
                self._parts[label] = _Parts(what, wanted, n)
            for place in range(n):
                whole = Task(key, f"comparison {label!r}", _compute, (what,))
                part = Task(
                    f"{key}-{place}-of-{wanted}",
                    f"part {place + 1} of {n} of comparison {label!r}",
                    _compute_part,
                    (what, wanted, place),
                )
                task = part if n > 1 else whole
                self._begun[task.key] = what.comparison, place
                yield task

    def _key(self, what: Computation) -> str:
        places = [
            stack.location for stack in (what.a, what.b, what.given) if isinstance(stack, Representations)
        ]
        return f"platoscope-compare-{digest([self.keys[what.comparison.label], places])}"


@dataclass
class _Parts:
    """A comparison that is computed in parts, and what came back so far."""

    what: Computation
    wanted: int
    n: int
    found: dict[int, FoundPart] = field(default_factory=dict)


def _compute(what: Computation, /) -> xr.Dataset:
    """Compute a comparison, in a worker."""
    _require_there(what)
    return computing.compute(what)


def _compute_part(what: Computation, wanted: int, place: int, /) -> FoundPart:
    """Compute a part of a comparison, in a worker."""
    _require_there(what)
    return splitting.compute_part(what, wanted, place)


def _require_there(what: Computation) -> None:
    for stack in (what.a, what.b, what.given):
        if isinstance(stack, Representations):
            stack.require_there()
