"""`Representations`: one side of a data set in one model, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from platoscope.arguments import mapping
from platoscope.checks import whole_number, whole_numbers, word
from platoscope.cluster import unseen_error
from platoscope.errors import InputError, NotFoundError
from platoscope.representations._backing import UNNAMED, ArrayBacking, Backing, View, find_view
from platoscope.representations._given import checked_ids, checked_stacks, rows_of
from platoscope.representations._group import LAYER_NAMES
from platoscope.representations._showing import representations_card, representations_in_short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Representations"]


@dataclass(frozen=True, eq=False, repr=False)
class Representations:
    """One side of a data set in one model, under one pooling: a sequence of layers, immutable.

    Made by `extract`, `open_representations`, `import_representations` or `Representations.from_arrays`.
    ``r[i]`` reads one layer from where it lies and returns a new float32 array of shape ``(n_items,
    n_features)`` whose rows are in the order of the items; nothing is kept in memory in between.

    Parameters
    ----------
    pooling : str
        The pooling under which the layers are seen.
    layers : tuple of int
        The number of each layer: 0 is the embedding output, l the state after block l. ``r[i]`` is layer
        ``r.layers[i]``, which is layer ``i`` where all layers are on hand.
    depth : int
        Number of blocks of the model, the number of its last layer.
    ids : tuple of str
        The id of each row.

    Examples
    --------
    >>> import numpy as np
    >>> r = Representations.from_arrays(np.zeros((3, 4, 2)), pooling="last")
    >>> len(r), r[-1].shape, r.relative_depth.tolist()
    (3, (4, 2), [0.0, 0.5, 1.0])
    """

    pooling: str
    layers: tuple[int, ...]
    depth: int
    ids: tuple[str, ...]
    _backing: Backing
    _positions: tuple[int, ...]
    _rows: NDArray[np.int64] = field(compare=False)

    @classmethod
    def from_arrays(
        cls,
        arrays: ArrayLike | Sequence[ArrayLike] | Mapping[str, Sequence[ArrayLike]],
        /,
        *,
        ids: Sequence[str] | None = None,
        pooling: str | None = None,
        layers: Sequence[int] | None = None,
        depth: int | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Representations:
        """Take representations that are in memory already, from whatever made them.

        Parameters
        ----------
        arrays : array, sequence of arrays, or mapping
            One array ``(n_layers, n_items, n_features)``, or one ``(n_items, n_features)`` array per layer
            (widths may differ); with ``pooling="tokens(k)"`` or ``"concat(k)"`` one more axis of k tokens
            before the features, last token last, and with ``"dct(m)"`` one of m
            frequencies. A mapping gives this for several poolings by their names.
            Any real dtype; floats are kept as they are (not copied) and read as float32. What would differ there is an
            error when it is read.
        ids : sequence of str, optional
            Unique names of the items; the row numbers by default.
        pooling : str, optional
            What one vector stands for ("unknown" by default); any word will do. Not with a mapping.
        layers : sequence of int, optional
            The number of each layer in the model; ``0 … n_layers - 1`` by default.
        depth : int, optional
            Number of blocks of the model; the largest of `layers` by default.
        provenance : mapping, optional
            What a result should say about their origin.

        Raises
        ------
        InputError
            If shapes disagree, an array has more layers than items, a layer is deeper than `depth`, ids repeat, or a dtype
            is not real.
        """
        if isinstance(arrays, Mapping) and pooling is not None:
            message = (
                f"pooling={pooling!r} was given beside arrays by pooling; the mapping already names them."
            )
            raise InputError(message)
        if pooling is not None:
            word("pooling", pooling)
        mapping("provenance", {} if provenance is None else provenance)
        stacks: Mapping[str, Any] = (
            arrays if isinstance(arrays, Mapping) else {UNNAMED if pooling is None else pooling: arrays}
        )
        by_pooling = checked_stacks(stacks, (provenance or {}).get(LAYER_NAMES))
        first = next(iter(by_pooling.values()))
        n_items = len(first[0])
        numbers = tuple(range(len(first))) if layers is None else whole_numbers("layers", layers)
        if len(numbers) != len(first) or len(set(numbers)) != len(numbers):
            message = f"layers must be {len(first)} different numbers, one per layer, got {numbers}."
            raise InputError(message)
        deepest = max(numbers) if depth is None else whole_number("depth", depth, low=1)
        if not 0 <= min(numbers) <= max(numbers) <= deepest:
            message = f"layers must lie between 0 and depth, which is {deepest} here; got {numbers}."
            raise InputError(message)
        return cls(
            pooling=next(iter(stacks)),
            layers=numbers,
            depth=deepest,
            ids=checked_ids(ids, n_items),
            _backing=ArrayBacking(by_pooling, dict(provenance or {})),
            _positions=tuple(range(len(first))),
            _rows=np.arange(n_items),
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """What each layer was called where it came from ("layer1.0"); by default its number."""
        given = self._backing.provenance.get(LAYER_NAMES)
        names = given if isinstance(given, list | tuple) else ()
        return tuple(
            str(names[position]) if position < len(names) else str(layer)
            for position, layer in zip(self._positions, self.layers, strict=True)
        )

    @property
    def n_layers(self) -> int:
        """Number of layers on hand, ``len(r)``."""
        return len(self.layers)

    @property
    def n_items(self) -> int:
        """Number of items, the rows of each layer."""
        return len(self.ids)

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each layer; for ``concat(k)`` of all k tokens."""
        view = self._view
        kept = self._backing.widths(view.kept)
        return tuple(kept[position] * view.n_tokens for position in self._positions)

    @property
    def n_features(self) -> int:
        """Columns of the widest layer; for ``concat(k)`` of all k tokens."""
        return max(self.widths, default=0)

    @property
    def relative_depth(self) -> NDArray[np.float64]:
        """Layer number over number of blocks, from 0 (embeddings) to 1, shape ``(n_layers,)``."""
        return np.asarray(self.layers, np.float64) / max(1, self.depth)

    @property
    def poolings(self) -> tuple[str, ...]:
        """The poolings on hand, for `with_pooling`; rows of tokens also give their parts (see there)."""
        kept = self._backing.poolings
        return (*kept, *(name.replace("tokens", "concat") for name in kept if name.startswith("tokens(")))

    @property
    def key(self) -> str:
        """Name of the content: of the group in the store, or a SHA-256 of arrays in memory."""
        return self._backing.key

    @property
    def location(self) -> str:
        """Where the layers lie: the group in the store, or "memory"."""
        return self._backing.location

    def is_there(self) -> bool:
        """Tell whether this process sees the layers; one that was sent there may not see the store."""
        return self._backing.is_there()

    def require_there(self) -> None:
        """Refuse to go on in a process that does not see the layers.

        Raises
        ------
        ClusterError
            If it does not.
        """
        if not self.is_there():
            raise unseen_error(self.location)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Data, model, versions, time and cost: all that a result must carry to be checked."""
        given = self._backing.provenance
        names = {LAYER_NAMES: list(self.layer_names)} if LAYER_NAMES in given else {}
        shown = {"pooling": self.pooling, "n_items": self.n_items, "layers": list(self.layers)}
        return {**given, **names, **shown}

    @property
    def n_truncated(self) -> int:
        """How many items were longer than the model reads, and were cut, in the extraction that made these.

        Counted over all items of that extraction, whatever `select` left; 0 for arrays that came from
        elsewhere.
        """
        data = self._backing.provenance.get("data")
        return int(data.get("truncated", 0)) if isinstance(data, Mapping) else 0

    @property
    def _view(self) -> View:
        view = find_view(self.pooling, self._backing.poolings)
        assert view is not None, "every constructor and with_pooling() check the pooling"
        return view

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, index: int, /) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice, /) -> Representations: ...
    def __getitem__(self, index: int | slice, /) -> NDArray[np.float32] | Representations:
        """Read one layer by its position (negative from the end); a slice gives fewer layers, unread."""
        if isinstance(index, slice):
            return replace(self, layers=self.layers[index], _positions=self._positions[index])
        states = self._read(index)
        layer: NDArray[np.float32] = (
            states[0] if len(states) == 1 else states.transpose(1, 0, 2).reshape(self.n_items, -1)
        )
        return layer

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[i] for i in range(len(self)))

    def parts(self, index: int, /) -> list[NDArray[np.float32]]:
        """Read one layer as arrays whose squared Euclidean distances add up to those of ``r[index]``.

        Returns
        -------
        list of ndarray of float32, shape (n_items, n_features_of_one_token)
            The k tokens of ``concat(k)`` and ``tokens(k)``, last token last; the frequencies of ``dct(m)``; ``[r[index]]``
            for every other pooling.
        """
        return list(
            self._read(whole_number("index", index, low=-len(self.layers), high=len(self.layers) - 1))
        )

    def _read(self, index: int) -> NDArray[np.float32]:
        try:
            position = self._positions[index]
        except IndexError:
            message = (
                f"Layer position {index} is out of range: there are {len(self)} layers (numbers "
                f"{self.layers[0]} to {self.layers[-1]}), at positions 0 to {len(self) - 1}."
            )
            raise IndexError(message) from None
        view = self._view
        return self._backing.read(view.kept, position, self._rows, view.tokens)

    def with_pooling(self, pooling: str, /) -> Representations:
        """See the same items and layers under another pooling that is on hand.

        Where ``tokens(k)`` (or ``concat(k)``, which is the same) is on hand, so are ``last``, ``token(t)``
        for t < k, and ``concat(j)`` and ``tokens(j)`` for j ≤ k. Where ``dct(m)`` is, so is every band of its frequencies.

        Raises
        ------
        NotFoundError
            If it is not; extract it then: only what is missing is computed.
        """
        word("pooling", pooling)
        if find_view(pooling, self._backing.poolings) is None:
            message = (
                f"Pooling {pooling!r} is not on hand, only {', '.join(self.poolings)}. "
                f"Extract it with extract(model, data, pooling={pooling!r})."
            )
            raise NotFoundError(message)
        return replace(self, pooling=pooling)

    def select(self, items: Sequence[str] | Sequence[int] | NDArray[Any], /) -> Representations:
        """Keep some items, in the order given; nothing is read yet.

        Parameters
        ----------
        items : sequence of str, of int, or bool array of shape (n_items,)
            Ids, row numbers, or a mask. None may come twice: repeated items break measures of rank.

        Raises
        ------
        NotFoundError
            If an id is unknown.
        InputError
            If an item comes twice or a row number is out of range.
        """
        rows = rows_of(items, self.ids)
        return replace(self, ids=tuple(self.ids[row] for row in rows.tolist()), _rows=self._rows[rows])

    def to_xarray(self) -> xr.DataArray:
        """Read all layers, of equal widths, into one labelled array.

        Returns
        -------
        xarray.DataArray of float32, dims (layer, item, feature)
            With coordinates ``layer``, ``relative_depth`` (layer) and ``item`` (the ids), and the provenance
            in ``attrs``. It takes ``4 · n_layers · n_items · n_features`` bytes.
        """
        import xarray as xr  # 0.5 s, and layers are read as plain arrays

        layers = list(self)
        if len({layer.shape for layer in layers}) > 1:
            message = "Layers of different widths do not fit one array; read them one by one, as r[i]."
            raise InputError(message)
        return xr.DataArray(
            np.stack(layers),
            dims=("layer", "item", "feature"),
            coords={
                "layer": list(self.layers),
                "relative_depth": ("layer", self.relative_depth),
                "item": list(self.ids),
            },
            name="representations",
            attrs=dict(self.provenance),
        )

    def __repr__(self) -> str:
        return representations_in_short(self)

    def _repr_html_(self) -> str:
        return representations_card(self)
