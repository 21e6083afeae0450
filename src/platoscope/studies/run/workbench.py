"""One plan at work: its items, its loaded model, its clock; each step of an execution is a method."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from platoscope.hashing import digest
from platoscope.models import ModelOnDemand, Shelf
from platoscope.progress import PassProgress
from platoscope.representations import Representations, Wanted, extract_together
from platoscope.studies.design.comparison import Source
from platoscope.studies.design.measured import keeps_items
from platoscope.studies.design.serial import comparison_to
from platoscope.studies.design.space import space_of, spaces_of
from platoscope.studies.plan.extraction import readings_of, sources_of
from platoscope.studies.run.computation import Computation
from platoscope.studies.run.items import Candidates, Selections, count_steps, select_items
from platoscope.studies.run.matrix import texts_of
from platoscope.studies.run.shown_items import items_file, keep_items
from platoscope.studies.run.stacks import Readings, names_of, position_of, stack_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    import xarray as xr

    from platoscope.cluster import Cluster
    from platoscope.layerwise import LayerStack
    from platoscope.progress import Progress
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.plan.extraction import Extraction
    from platoscope.studies.plan.planning import Plan
    from platoscope.studies.run.items import Selection
    from platoscope.studies.run.matrix import Text
    from platoscope.studies.run.results import Results
    from platoscope.studies.run.run_folder import RunFolder

__all__ = ["Workbench"]


@dataclass
class Workbench:
    """What the steps of one execution share.

    Parameters
    ----------
    plan : Plan
        What is executed.
    progress : Progress
        Told what is going on.
    store : path or URL or None
        Where representations are kept.
    candidates : Candidates, optional
        Items that are loaded and filtered already; `select` adds to them.
    shelf : Shelf, optional
        Where models stand; one that is shared keeps one model in memory, whoever asks.
    cluster : Cluster, optional
        Who reads and compares; this process by default.

    Attributes
    ----------
    n_read : int
        Passes over a model that were made.
    timings : dict of str to float
        Seconds by stage.
    """

    plan: Plan
    progress: Progress
    store: str | os.PathLike[str] | None
    candidates: Candidates = field(default_factory=Candidates)
    shelf: Shelf = field(default_factory=Shelf)
    cluster: Cluster | None = None
    n_read: int = field(default=0, init=False)
    timings: dict[str, float] = field(default_factory=dict, init=False)

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

    def select(self) -> Selections:
        """Choose the items of every comparison."""
        members = (member for item in self.plan.comparisons for member in item.members())
        wanted = list(dict.fromkeys(member.items for member in members if member.items is not None))
        if not wanted:
            return Selections({})
        self.progress.stage("Choosing items", count_steps(wanted) or None)
        done = itertools.count(1)
        with self.timed("items"):
            return select_items(
                wanted,
                n=self.plan.settings.n,
                seed=self.plan.settings.seed,
                shortfall=self.plan.study.shortfall,
                encoder_of=self._counting,
                on_done=lambda items: self.progress.advance(next(done), items.data),
                candidates=self.candidates,
            )

    def _counting(self, name: str) -> ModelOnDemand:
        """Count with the model as it will read, so that its tokenizer is loaded once."""
        for extraction in self.plan.extractions:
            if extraction.model == name:
                return self.model(extraction)
        return self.model(Source(model=name))

    def model(self, side: Source | Extraction) -> ModelOnDemand:
        """Give the model that reads a side."""
        settings = self.plan.settings
        options = {
            "tower": side.tower,
            "revision": side.revision,
            "drop_last": side.drop_last,
            "clip": side.clip,
            "final_norm": side.final_norm,
            "dtype": settings.dtype,
            "device": settings.device,
            "device_map": settings.device_map,
            "batch_tokens": settings.batch_tokens,
        }
        return ModelOnDemand(side.model, options, self.shelf)

    def key(self, comparison: Comparison, selections: Selections) -> str:
        """Give the digest of all that decides the result of a comparison."""
        settings = self.plan.settings
        content: dict[str, Any] = {"comparison": comparison_to(comparison), "settings": vars(settings)}
        selection = selections.behind(comparison)
        if comparison.kind == "grid" and keeps_items(comparison, settings):
            content["tells of items"] = True  # grids of earlier versions do not
        if selection is not None:
            texts = [selections.of(member.items) for member in comparison.members() if member.items]
            prints = [chosen.pairs.fingerprint() for chosen in texts]
            content["items"] = prints[0] if len(prints) == 1 else prints
            content["models"] = [dict(self.model(side).provenance) for side in sources_of(comparison)]
        if self.plan.choices.labels:
            content["labels"] = dict(self.plan.choices.labels)
        if comparison.fixed is not None and comparison.fixed.minimum_of is not None:
            content["minimum_of"] = self.key(self.plan.comparison(comparison.fixed.minimum_of), selections)
        return digest(content)

    def keep_items(self, folder: RunFolder, selections: Selections) -> None:
        """Keep what stands for each item of the comparisons that tell of single items, and of no others."""
        chosen = [
            selections.behind(item) for item in self.plan.comparisons if keeps_items(item, self.plan.settings)
        ]
        pairs = {
            items_file(selection.pairs): selection.pairs for selection in chosen if selection is not None
        }
        folder.keep_items(pairs)
        if not pairs:
            return
        self.progress.stage("Keeping items")
        with self.timed("items"):
            for name, kept in pairs.items():
                keep_items(folder, name, kept)

    def extract(self, comparisons: Sequence[Comparison], selections: Selections) -> Readings:
        """Read what `comparisons` need, model by model."""
        needed = {reading.identity for item in comparisons for reading in readings_of(item)}
        passes: dict[Extraction, list[Extraction]] = {}
        for extraction in self.plan.extractions:
            if extraction.identity in needed:
                passes.setdefault(extraction.one_pass, []).append(extraction)
        readings: dict[Extraction, Representations] = {}
        for together in passes.values():
            found = self.read([(extraction, selections.of(extraction.items)) for extraction in together])
            readings |= {
                extraction.identity: states for extraction, states in zip(together, found, strict=True)
            }
        return Readings(readings)

    def read(self, together: Sequence[tuple[Extraction, Selection]], /) -> list[Representations]:
        """Read one side of some items with one model in one pass, or open what is on disk."""
        first = together[0][0]
        what = f"Reading {first.items.data} ({first.side}) with {first.model}"
        reading = PassProgress(self.progress, what)
        wanted = [
            Wanted(
                self.model(extraction),
                selection.pairs,
                side=extraction.side,
                pooling=extraction.poolings,
                layers=extraction.layers,
            )
            for extraction, selection in together
        ]
        with self.timed("extraction"):
            found = extract_together(wanted, store=self.store, progress=reading, cluster=self.cluster)
        self.n_read += reading.opened
        return found

    def computation(
        self, comparison: Comparison, selections: Selections, readings: Readings, results: Results
    ) -> Computation:
        """Gather what a comparison is computed from; layers that are on disk stay there."""
        selection = selections.behind(comparison)
        sides = [
            stack_of(side, comparison, selection, readings, self.shelf, self.plan.settings)
            for side in comparison.all_sides
        ]
        return Computation(
            comparison=comparison,
            a=sides[0],
            b=sides[1],
            settings=self.plan.settings,
            strata=None if selection is None else selection.pairs.strata,
            alike=None if selection is None else selection.alike(comparison),
            position=position_of(comparison, sides, results),
            grid=results.grid_of(comparison),
            at_distance=_tokens_of(sides[0]),
            texts=self._texts(comparison, sides[0], selections, readings),
            given=sides[2] if comparison.given is not None else None,
        )

    def name(self, result: xr.Dataset, comparison: Comparison, selections: Selections) -> None:
        """Say in the attributes of a result what it is and where it comes from."""
        selection = selections.behind(comparison)
        name_a, name_b = names_of(comparison, selection, self.plan.choices)
        result.attrs |= {
            "label": comparison.label,
            "kind": comparison.kind,
            "study": self.plan.study.name,
            "name_a": name_a,
            "name_b": name_b,
            "comparison": json.dumps(comparison_to(comparison)),
            "space": space_of(comparison, self.plan.settings),
        }
        if selection is not None and "item" in result.dims:
            result.attrs["items_file"] = items_file(selection.pairs)
        if comparison.kind == "spaces":
            result.attrs["spaces"] = json.dumps(spaces_of(comparison, self.plan.settings))
        if selection is not None:
            # Equal items give equal subsamples, so that differences between comparisons are paired as well.
            together = comparison.items is not None and comparison.items.together
            ordered = selection.pairs.provenance.get("shuffled_words", {}).get("of")
            same = [together, selection.pairs.ids] if together else ordered or selection.pairs.fingerprint()
            # Misaligned within strata there may be fewer items, and so other subsamples.
            alike = [same, comparison.shuffle, vars(self.plan.settings)]
            result.attrs["subsamples"] = digest(alike)

    def _texts(
        self, comparison: Comparison, first: LayerStack, selections: Selections, readings: Readings
    ) -> Sequence[Text]:
        """Give the texts of a matrix; nothing else has any."""
        if comparison.kind != "matrix":
            return ()
        stacks = {"": first}
        for member in comparison.members():
            assert member.items is not None
            stacks[member.items.data] = stack_of(
                member.b, member, selections.behind(member), readings, self.shelf, self.plan.settings
            )
        return texts_of(comparison, selections, stacks, self.plan.choices.shown)


def _tokens_of(stack: LayerStack) -> Callable[[int], LayerStack] | None:
    """Give what finds the stack of the token at a distance, of representations; nothing else has tokens."""
    return partial(_token_at, stack) if isinstance(stack, Representations) else None


def _token_at(stack: Representations, distance: int) -> Representations:
    return stack.with_pooling(f"token({distance})")
