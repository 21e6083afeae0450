"""Bringing two representations to the same items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platoscope.arguments import instance
from platoscope.errors import InputError
from platoscope.representations.representations import Representations

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


__all__ = ["Aligned", "align", "token_counts"]


@dataclass(frozen=True)
class Aligned:
    """Two representations with the same items in the same order, and what each lost for it.

    Parameters
    ----------
    a, b : Representations
        The common items, in the order of the first.
    dropped_a, dropped_b : int
        Items that the other one does not have.
    """

    a: Representations
    b: Representations
    dropped_a: int
    dropped_b: int

    def __iter__(self) -> Iterator[Representations]:
        return iter((self.a, self.b))


def align(a: Representations, b: Representations, /) -> Aligned:
    """Bring two representations to the items that both have, by id.

    Raises
    ------
    InputError
        If they have no id in common, or different numbers of items of which only the position is known: a file
        without ids pairs items by their order, which says nothing where some are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from platoscope.representations import Representations
    >>> a = Representations.from_arrays(np.zeros((1, 3, 2)), ids=["x", "y", "z"])
    >>> b = Representations.from_arrays(np.zeros((1, 2, 2)), ids=["z", "y"])
    >>> aligned = align(a, b)
    >>> aligned.a.ids, aligned.b.ids, aligned.dropped_a, aligned.dropped_b
    (('y', 'z'), ('y', 'z'), 1, 0)
    """
    for name, given in (("a", a), ("b", b)):
        instance(name, given, Representations, made_by="extract")
    if a.ids == b.ids:
        return Aligned(a, b, 0, 0)
    if a.n_items != b.n_items and _is_numbered(a) and _is_numbered(b) and _is_imported(a, b):
        message = (
            f"A has {a.n_items} items and B {b.n_items}, and no ids say which of them belong together. Give arrays "
            "of the same items in one order, or files with ids, as platoscope.representations.export writes them."
        )
        raise InputError(message)
    there = set(b.ids)
    common = [name for name in a.ids if name in there]
    if not common:
        message = (
            f"The two representations have no id in common ({a.n_items} ids such as {a.ids[0]!r}, "
            f"{b.n_items} such as {b.ids[0]!r}). Give both the ids of their pairs."
        )
        raise InputError(message)
    return Aligned(a.select(common), b.select(common), a.n_items - len(common), b.n_items - len(common))


def _is_numbered(representations: Representations, /) -> bool:
    """Say whether the ids are the positions, as they are where nothing names the items."""
    return representations.ids == tuple(str(i) for i in range(representations.n_items))


def _is_imported(*representations: Representations) -> bool:
    """Say whether some come from a file: in memory a part may have been selected, with the ids of the whole."""
    return any("imported_from" in item.provenance for item in representations)


def token_counts(representations: Representations, /) -> NDArray[np.int64]:
    """Return the tokens of each item under the model that read it, shape ``(n_items,)``: the store has them.

    ``strata=matched_strata(token_counts(a), token_counts(b))`` keeps in a null what the lengths of both sides tell
    (`platoscope.measures.matched_strata`).

    Raises
    ------
    InputError
        If they are not from the store: a file of arrays does not say how long its texts were.
    """
    instance("representations", representations, Representations, made_by="extract")
    lengths = representations._backing.lengths
    if lengths is None:
        message = (
            f"How many tokens the items have is not known of representations from {representations._backing.location}; "
            "it is of those that `extract` put into the store."
        )
        raise InputError(message)
    found: NDArray[np.int64] = lengths[representations._rows]
    return found
