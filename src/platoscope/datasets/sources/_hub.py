"""Opening a data set through the `datasets` library: from the hub at a revision, or from local Parquet."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.datasets.images import LazyImages
from platoscope.errors import InputError, MissingExtraError, StorageError, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platoscope.datasets.request import Request

__all__ = [
    "INSTALL",
    "check_whole",
    "installed",
    "is_saved",
    "lazy_images",
    "one_split",
    "open_saved",
    "open_table",
]

INSTALL = "pip install 'platoscope[models]'"


def installed() -> bool:
    """Tell whether the library is there, without the second that importing it takes."""
    return find_spec("datasets") is not None


def open_table(
    request: Request, hub_id: str, *, config: str | None, split: str, revision: str, columns: Sequence[str]
) -> tuple[Any, dict[str, Any]]:
    """Open one split of a data set.

    Parameters
    ----------
    request : Request
        `request.root` names a local copy instead of the hub: a clone or download of the repository (Parquet
        files named after the split, in the folder, in `data/`, or in a folder named after the configuration),
        or what `save_to_disk` wrote.
    hub_id, config, split, revision : str
        What the hub calls it; options of the request override split and revision.
    columns : sequence of str
        What must be there.

    Returns
    -------
    table : datasets.Dataset
    provenance : dict
        Hub id or local, split and revision.

    Raises
    ------
    MissingExtraError, StorageError, InputError
        Without the library, when nothing can be read, or when a column is missing.
    """
    datasets = _library(f"the data set {request.spec!r}")
    split = request.options.split or split
    revision = request.options.revision or revision
    if request.root is None:
        hint = f"Check the network and your access, or give a local copy: {request.spec}@FOLDER."
        with guarded(f"{hub_id} (revision {revision}) cannot be read", hint, kind=StorageError):
            table = datasets.load_dataset(hub_id, config, split=split, revision=revision)
    else:
        with guarded(f"{request.root} cannot be read", "Download it again.", kind=StorageError):
            table = _open_local(request.root, config, split)
    check_whole(table, request.spec)
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        message = f"{request.spec!r} lacks the column {missing[0]!r}; it has {', '.join(table.column_names)}."
        raise InputError(message)
    origin = {"source": hub_id, "split": split}
    if request.root is None:
        return table, {**origin, "revision": revision}
    return table, {**origin, "revision": "local copy given by the user"}


def lazy_images(table: Any, column: str, rows: Sequence[int], /) -> LazyImages:
    """Return the images of these rows, each read when it is asked for."""
    import datasets

    encoded = table.select_columns([column]).cast_column(column, datasets.Image(decode=False))

    def read(row: int) -> bytes:
        stored = encoded[row][column]
        content: bytes | None = stored["bytes"]
        return Path(stored["path"]).read_bytes() if content is None else content

    return LazyImages(read, rows)


def open_saved(folder: Path, /) -> Any:
    """Open what `save_to_disk` wrote: a data set, or one for each split.

    Raises
    ------
    MissingExtraError
        Without the library.
    StorageError
        If it cannot be read.
    """
    datasets = _library(f"the data set {folder}")
    with guarded(f"{folder} cannot be read", "Save it again.", kind=StorageError):
        return datasets.load_from_disk(str(folder))


def check_whole(table: Any, what: str, /) -> None:
    """Refuse a data set whose memory is not laid out as Arrow says: reading what was damaged on disk ends the process.

    Raises
    ------
    StorageError
        If so; `what` says which it is.
    """
    with guarded(f"{what} is damaged", "Save it again, or get it again.", kind=StorageError):
        table.data.validate(full=True)


def is_saved(folder: Path, /) -> bool:
    """Tell whether `save_to_disk` wrote this folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file()


def one_split(found: Any, split: str | None, what: str, /) -> Any:
    """Give the data set of one split, which may be the only one; `what` is how messages call the whole.

    Raises
    ------
    InputError
        If there are several and none was chosen, or not the one that was.
    """
    if hasattr(found, "features"):
        if split is not None and str(found.split) != split:
            message = f"{what} is of the split {found.split}, not of {split!r}. Leave out split=."
            raise InputError(message)
        return found
    chosen = next(iter(found)) if split is None and len(found) == 1 else split
    if chosen not in found:
        asked = "several splits" if split is None else f"no split {split!r}"
        message = f"{what} has {asked}; it has {', '.join(found)}. Choose one with split=."
        raise InputError(message)
    return found[chosen]


def _library(feature: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(feature, "datasets", INSTALL) from error
    return datasets


def _open_local(root: Path, config: str | None, split: str) -> Any:
    import datasets

    if is_saved(root):
        found = open_saved(root)
        return found if hasattr(found, "features") else one_split(found, split, str(root))
    for folder in ([root / config] if config else []) + [root / "data", root]:
        files = sorted(str(path) for path in folder.glob(f"{split}*.parquet"))
        if files:
            return datasets.load_dataset("parquet", data_files=files, split="train")
    message = (
        f"no Parquet file of the split {split!r} is in it (looked in {config or 'data'}/, data/ and itself)."
    )
    raise FileNotFoundError(message)
