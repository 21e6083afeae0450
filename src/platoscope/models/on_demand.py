"""Models that are opened when something is asked of them, one at a time."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from platoscope.arguments import mapping
from platoscope.checks import word
from platoscope.errors import InputError
from platoscope.models.loading import open_model
from platoscope.models.locations import locate_model
from platoscope.models.options import LoadingOptions
from platoscope.models.remembering import Facts, facts_key, keep_facts, recall_facts, remembered_lengths
from platoscope.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from platoscope.models.encoder import Encoder
    from platoscope.models.loading import OpenModel
    from platoscope.models.pooling import Pooling
    from platoscope.progress import Progress

__all__ = ["ModelOnDemand", "Shelf"]

_Key: TypeAlias = tuple[str, LoadingOptions]


@dataclass(frozen=True)
class ModelOnDemand:
    """An `Encoder` that loads its weights when it first has to read something.

    What it is and how it counts tokens is answered from memory, or from its configuration and tokenizer; no
    weights are read for that. With a model on demand `platoscope.extract` finds representations that are complete
    without loading it. Equal names and options are equal models.

    Parameters
    ----------
    name : str
        As for `platoscope.models.load_model`.
    options : mapping, optional
        Its keyword arguments, such as ``{"dtype": "float32", "drop_last": 0}``.
    shelf : Shelf, optional
        Where it stands once it is open; models on one shelf are in memory one at a time.

    Attributes
    ----------
    loading : LoadingOptions
        The options, those that were not given included.

    Examples
    --------
    >>> model = ModelOnDemand("gemma-3-270m", {"dtype": "bfloat16"})  # nothing is loaded yet
    >>> model.name
    'gemma-3-270m'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)
    shelf: Shelf = field(default_factory=lambda: Shelf(), compare=False)
    loading: LoadingOptions = field(init=False)

    def __post_init__(self) -> None:
        word("name of a model", self.name)
        mapping("options", self.options)
        object.__setattr__(self, "loading", LoadingOptions(**self.options))

    @property
    def forward(self) -> tuple[str, LoadingOptions]:
        """What is run: equal for models that differ only in which states are taken of a pass."""
        return self.name, self.loading.forward

    @property
    def loaded(self) -> Encoder:
        """The model with its weights; asking for it loads them."""
        return self.shelf.loaded(self)

    @property
    def facts(self) -> Facts:
        """All that the model says of itself."""
        return self.shelf.facts(self)

    @property
    def modality(self) -> str:
        """What an item is."""
        return self.facts.modality

    @property
    def n_layers(self) -> int:
        """Number of layers, the embedding output included."""
        return self.facts.n_layers

    @property
    def n_features(self) -> int:
        """Width of a layer."""
        return self.facts.n_features

    @property
    def max_tokens(self) -> int | None:
        """The longest item that is read whole."""
        return self.facts.max_tokens

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What decides the numbers."""
        return self.facts.provenance

    def lengths(self, items: Sequence[Any], /) -> NDArray[np.int64]:
        """Tokens per item; those of texts are remembered."""
        if self.modality != "text":
            return self.shelf.outline(self).lengths(items)
        return remembered_lengths(self.facts, items, lambda new: self.shelf.outline(self).lengths(new))

    def batches(self, lengths: NDArray[np.int64], /) -> list[NDArray[np.int64]]:
        """Plan the batches."""
        return self.shelf.outline(self).batches(lengths)

    def encode(self, items: Sequence[Any], /, poolings: Sequence[Pooling]) -> dict[str, NDArray[np.float32]]:
        """Read one batch; see `platoscope.models.Encoder`."""
        return self.loaded.encode(items, poolings)


@dataclass(eq=False)
class Shelf:
    """Holds one open model at a time: opening another one puts the first away.

    Models that differ only in which states are taken of a pass (`ModelOnDemand.forward`) are one model here.

    Parameters
    ----------
    progress : Progress, optional
        Told of what is hashed or loaded.

    Attributes
    ----------
    seconds : float
        Time spent finding, converting and loading models so far.
    """

    progress: Progress = SILENT
    seconds: float = field(default=0.0, init=False)
    # By name and options, not by model: a model holds its shelf, and what refers to itself is freed late.
    _facts: dict[_Key, Facts] = field(default_factory=dict, init=False, repr=False)
    _open: dict[_Key, OpenModel] = field(default_factory=dict, init=False, repr=False)

    def facts(self, model: ModelOnDemand, /) -> Facts:
        """Give what a model says of itself; the first answer holds as long as the shelf."""
        key = (model.name, model.loading)
        if key not in self._facts:
            with self._at_work():
                name = self._name_in_memory(model)
            known = None if name is None else recall_facts(name)
            if known is None:
                known = Facts.of(self.outline(model))
                if name is not None:
                    keep_facts(name, known)
            self._facts[key] = known
        return self._facts[key]

    def outline(self, model: ModelOnDemand, /) -> Encoder:
        """Give a model that says what it is and counts tokens, with or without weights."""
        found = self._open.get((model.name, model.loading))
        if found is None:
            like = self._like(model)
            if like is None:
                self._put_away()
                self.progress.stage(f"Loading the tokenizer of {model.name}")
            found = self._put_up(model, like, weights=False)
        return found.encoder

    def loaded(self, model: ModelOnDemand, /) -> Encoder:
        """Give a model with its weights.

        Raises
        ------
        InputError
            If it is not what it was said to be, so that its states would be kept under the name of another.
        """
        found = self._open.get((model.name, model.loading))
        if found is None or not found.pretrained.has_weights:
            like = self._like(model)
            if like is None or not like.pretrained.has_weights:
                self._put_away()  # frees the weights before the next ones are read
                self.progress.stage(f"Loading {model.name}")
            found = self._put_up(model, like, weights=True)
            self._check(model, found)
        return found.encoder

    def _like(self, model: ModelOnDemand) -> OpenModel | None:
        """Find what is open of the same model, with its weights where it has them."""
        alike = [
            found for (name, loading), found in self._open.items() if (name, loading.forward) == model.forward
        ]
        return max(alike, key=lambda found: found.pretrained.has_weights, default=None)

    def _put_away(self) -> None:
        self._open.clear()

    def _put_up(self, model: ModelOnDemand, like: OpenModel | None, *, weights: bool) -> OpenModel:
        with self._at_work():
            found = open_model(model.name, model.loading, weights=weights, outline=like)
        self._open[model.name, model.loading] = found
        return found

    def _check(self, model: ModelOnDemand, opened: OpenModel) -> None:
        """Compare what was loaded with what the model was said to be; the next run begins with what was loaded."""
        said, found = self._facts.get((model.name, model.loading)), Facts.of(opened.encoder)
        if said is None or said == found:
            return
        self._put_away()
        name = self._name_in_memory(model)
        if name is not None:
            keep_facts(name, found)
        msg = (
            f"The model {model.name!r} is another one than when this run began: expected {said}, but loaded {found}. "
            f"Its files were changed meanwhile. Run again to read it as it is now."
        )
        raise InputError(msg)

    def _name_in_memory(self, model: ModelOnDemand) -> str | None:
        location = locate_model(model.name, revision=model.loading.revision, progress=self.progress)
        return facts_key(location, model.loading)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start
