"""Keeping a store: what is in it, whether it is sound, opening and removing by key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.checks import in_short
from platoscope.errors import InputError, NotFoundError, StorageError, UnreachableError
from platoscope.filenames import why_no_folder
from platoscope.representations._folder import writing
from platoscope.representations._group import StoredGroup, find_group, incomplete_error
from platoscope.representations._local import LocalFolder
from platoscope.representations._opening import open_folder
from platoscope.representations._viewing import view_group

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from platoscope.representations._folder import Folder
    from platoscope.representations.representations import Representations

__all__ = [
    "ArrayRecord",
    "Problem",
    "StoreRecord",
    "check_store",
    "info",
    "list_store",
    "open_representations",
    "remove",
    "verify",
]

_KEY_LENGTH = 64


@dataclass(frozen=True)
class ArrayRecord:
    """One pooling in a group of the store.

    Parameters
    ----------
    pooling : str
        As it is kept (``concat(k)`` as ``tokens(k)``).
    shape : tuple of int
        ``(n_layers, n_items, n_features)``, with tokens before features where they are kept.
    done_items, n_items : int
        Items that are on disk, and that there should be.
    extraction : mapping or None
        Items, tokens, seconds and rate of the run that completed it; None before that.
    """

    pooling: str
    shape: tuple[int, ...]
    done_items: int
    n_items: int
    extraction: Mapping[str, Any] | None = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether every item is on disk."""
        return self.done_items == self.n_items


@dataclass(frozen=True)
class StoreRecord:
    """One group of the store: one side of a data set in one model.

    Parameters
    ----------
    key : str
        Its full name; functions also take any beginning of it that is unique.
    model, data : str
        Names of the model and of the data.
    created : str
        When it was begun (ISO 8601, UTC).
    n_layers, n_items : int
        Layers that are kept, and items.
    size : int
        Bytes on disk.
    arrays : tuple of ArrayRecord
        One per pooling.
    attributes : mapping
        All that is known of data, model, versions.
    damage : str
        Why nothing but key and size is known; empty where the metadata are whole.
    """

    key: str
    model: str
    data: str
    created: str
    n_layers: int
    n_items: int
    size: int
    arrays: tuple[ArrayRecord, ...]
    attributes: Mapping[str, Any] = field(repr=False)
    damage: str = ""


@dataclass(frozen=True)
class Problem:
    """Something in a store that cannot be used.

    Parameters
    ----------
    key, pooling : str
        The group and the array in it (empty: the group itself).
    unit : int or None
        The unit of the array.
    items : tuple of str
        Ids of the items that it holds.
    reason : str
        What is wrong.
    unfinished : bool
        Whether it was merely not computed yet.
    """

    key: str
    pooling: str
    unit: int | None
    items: tuple[str, ...] = field(repr=False)
    reason: str
    unfinished: bool


def check_store(store: str | os.PathLike[str] | None, /) -> None:
    """Refuse what could never be a store, without looking into it.

    Raises
    ------
    InputError, MissingExtraError, StorageError
        As in opening it, but for what only its files tell; and where a file stands in the way.
    """
    folder = open_folder(store)
    if store is None or not isinstance(folder, LocalFolder):
        return
    reason = why_no_folder(Path(folder.location), to_write=False)
    if reason is not None:
        message = (
            f"The store {folder.location} cannot be a folder: {reason}. Choose another place (store=PATH)."
        )
        raise StorageError(message)


def list_store(store: str | os.PathLike[str] | None = None, /) -> tuple[StoreRecord, ...]:
    """List what is in a store, the oldest first; empty where there is none.

    Examples
    --------
    >>> list_store("/there/is/no/such/folder")
    ()
    """
    folder = open_folder(store)
    return tuple(sorted((_record(folder, key) for key in _keys(folder)), key=lambda record: record.created))


def info(store: str | os.PathLike[str] | None, key: str, /) -> StoreRecord:
    """Describe one group.

    Parameters
    ----------
    store : path, URL or None
        None for the default place.
    key : str
        Its key or a unique beginning of it.

    Raises
    ------
    NotFoundError
        If no group, or more than one, begins with `key`.
    """
    folder = open_folder(store)
    return _record(folder, _full_key(folder, key))


def open_representations(
    key: str, /, *, store: str | os.PathLike[str] | None = None, pooling: str | None = None
) -> Representations:
    """Open representations that are in a store, without model or data.

    Parameters
    ----------
    key : str
        Their key or a unique beginning of it.
    store : path or URL, optional
        The default place if not given.
    pooling : str, optional
        One that is complete there; the first by default.

    Raises
    ------
    NotFoundError
        If no group, or more than one, begins with `key`, or the pooling is not complete.
    """
    folder = open_folder(store)
    return view_group(_group(folder, _full_key(folder, key)), pooling=pooling)


def verify(store: str | os.PathLike[str] | None = None, key: str | None = None, /) -> tuple[Problem, ...]:
    """Read everything and check it against its checksums.

    Parameters
    ----------
    store : path, URL or None
        None for the default place.
    key : str, optional
        Only this group; all by default.

    Returns
    -------
    tuple of Problem
        Empty where everything is whole, or nothing there. Running the same extraction again computes what is listed,
        and only that.

    Raises
    ------
    NotFoundError
        If there is no such group.
    """
    folder = open_folder(store)
    keys = _keys(folder) if key is None else [_full_key(folder, key)]
    return tuple(problem for full_key in keys for problem in _problems(folder, full_key))


def remove(store: str | os.PathLike[str] | None, key: str, /) -> StoreRecord:
    """Delete one group with all its poolings, and return what it was.

    Raises
    ------
    NotFoundError
        If no group, or more than one, begins with `key`.
    StorageError
        If it cannot be deleted.
    """
    folder = open_folder(store)
    record = _record(folder, _full_key(folder, key))
    with writing(folder, f"the removal of {record.key[:12]}"):
        folder.remove(record.key)
    return record


def _keys(folder: Folder) -> list[str]:
    return sorted(name for name in folder.names("") if len(name) == _KEY_LENGTH)


def _full_key(folder: Folder, key: str) -> str:
    if not isinstance(key, str) or not key:
        message = f"key must be a key or its first characters (platoscope store ls shows them); got {in_short(key)}."
        raise InputError(message)
    found = [name for name in _keys(folder) if name.startswith(key)]
    if len(found) != 1:
        message = (
            f"{len(found)} groups in {folder.location} begin with {key!r}, expected one. See platoscope "
            f"store ls."
        )
        raise NotFoundError(message)
    return found[0]


def _group(folder: Folder, key: str) -> StoredGroup:
    group = find_group(folder, key)
    if group is None:
        raise incomplete_error(folder, key)
    return group


def _record(folder: Folder, key: str) -> StoreRecord:
    try:
        return _sound_record(_group(folder, key))
    except UnreachableError:
        raise
    except StorageError as error:  # so that it shows in lists, and can be removed
        size = folder.size(key)
        return StoreRecord(key, "(damaged)", "", "", 0, 0, size, arrays=(), attributes={}, damage=str(error))


def _sound_record(group: StoredGroup) -> StoreRecord:
    arrays = []
    for array in group.arrays():
        absent = sum(len(array.rows(unit)) for unit in array.missing())
        tokens = (array.n_tokens,) if array.has_token_axis else ()
        shape = (array.n_layers, array.n_items, *tokens, array.n_features)
        extraction = array.attributes.get("completed")
        arrays.append(ArrayRecord(array.pooling, shape, array.n_items - absent, array.n_items, extraction))
    data = group.attributes["data"]
    return StoreRecord(
        key=group.key,
        model=str(group.attributes["model"]["name"]),
        data=_data_in_short(data),
        created=str(group.attributes["created"]),
        n_layers=len(group.layers),
        n_items=group.n_items,
        size=group.folder.size(group.key),
        arrays=tuple(arrays),
        attributes=group.attributes,
    )


def _data_in_short(data: Mapping[str, Any]) -> str:
    named = " ".join(str(data[name]) for name in ("pairs", "side") if name in data)
    return f"{named}, words shuffled" if "shuffled_words" in data.get("provenance", {}) else named


def _problems(folder: Folder, key: str) -> Iterator[Problem]:
    ids: tuple[str, ...] = ()
    try:
        group = _group(folder, key)
        ids = group.ids
        order, _ = group.batches.order, group.lengths
        arrays = list(group.arrays())
    except UnreachableError:
        raise
    except StorageError as error:
        yield Problem(key, "", None, ids, str(error), unfinished=False)
        return
    for name in group.headless():
        yield Problem(key, name, None, ids, "its metadata are missing", unfinished=False)
    for array in arrays:
        absent = set(array.missing())
        complete = "completed" in array.attributes
        for unit, reason in array.problems().items():
            items = tuple(group.ids[item] for item in order[array.rows(unit)].tolist())
            unfinished = unit in absent and not complete
            yield Problem(group.key, array.pooling, unit, items, reason, unfinished)
