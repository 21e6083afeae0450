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

__all__ = ["INSTALL", "installed", "lazy_images", "open_table"]

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
    try:
        import datasets
    except ImportError as error:
        feature = f"the data set {request.spec!r}"
        raise MissingExtraError(feature, "datasets", INSTALL) from error
    split = request.options.split or split
    revision = request.options.revision or revision
    if request.root is None:
        hint = f"Check the network and your access, or give a local copy: {request.spec}@FOLDER."
        with guarded(f"{hub_id} (revision {revision}) cannot be read", hint, kind=StorageError):
            table = datasets.load_dataset(hub_id, config, split=split, revision=revision)
    else:
        with guarded(f"{request.root} cannot be read", "Download it again.", kind=StorageError):
            table = _open_local(request.root, config, split)
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


def _open_local(root: Path, config: str | None, split: str) -> Any:
    import datasets

    if (root / "dataset_dict.json").is_file():
        splits = datasets.load_from_disk(str(root))
        if split not in splits:
            message = f"{root} has no split {split!r}; it has {', '.join(splits)}. Choose one with split=."
            raise InputError(message)
        return splits[split]
    if (root / "dataset_info.json").is_file():
        return datasets.load_from_disk(str(root))
    for folder in ([root / config] if config else []) + [root / "data", root]:
        files = sorted(str(path) for path in folder.glob(f"{split}*.parquet"))
        if files:
            return datasets.load_dataset("parquet", data_files=files, split="train")
    message = (
        f"no Parquet file of the split {split!r} is in it (looked in {config or 'data'}/, data/ and itself)."
    )
    raise FileNotFoundError(message)
