"""The project's own form of a data set on disk: a folder with `pairs.jsonl`, `dataset.json` and images.

Each line of `pairs.jsonl` is an object with one value per column; images are paths relative to the folder.
`dataset.json` says which columns are the sides, which hold images, and where all of it comes from. The checksums of
all files lie beside them, and are held against them when the folder is loaded.
"""

from __future__ import annotations

import io
import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope import kept
from platoscope.arguments import a_path, instance
from platoscope.datasets.images import ImageSource, open_image
from platoscope.datasets.pairs import FilterCount, Pairs
from platoscope.datasets.sources.table import load_table
from platoscope.errors import InputError, StorageError, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from platoscope.datasets.request import DatasetOptions

__all__ = ["ROWS", "is_stored", "load_stored", "new_folder", "titled", "write_pairs", "write_rows"]

ROWS = "pairs.jsonl"
HEADER = "dataset.json"
FORMAT = 1


def is_stored(folder: Path, /) -> bool:
    """Tell whether the folder holds a data set of this form."""
    return (folder / ROWS).is_file()


def load_stored(folder: Path, options: DatasetOptions, /) -> Pairs:
    """Load a folder that `write_pairs` or `prepare_data` left; options may choose other columns.

    Raises
    ------
    StorageError
        If a file is not what was written.
    InputError
        If the folder does not describe pairs.
    """
    _require_whole(folder)
    with guarded(f"{folder / HEADER} does not describe a data set", "Make the folder again."):
        header = _read_header(folder)
        options = replace(
            options,
            columns=options.columns or header.get("sides"),
            image_columns=options.image_columns or header.get("image_columns"),
        )
        table = load_table(folder / ROWS, options)
        counts = tuple(FilterCount(**count) for count in header.get("counts", ()))
        names = header.get("side_names") if options.columns == header.get("sides") else None
        column = header.get("title_column")
        if column is not None:
            table = titled(table, folder, lambda row: str(row.get(column) or ""))
        return replace(
            table,
            name=header.get("name", folder.name),
            a=replace(table.a, name=names[0]) if names else table.a,
            b=replace(table.b, name=names[1]) if names else table.b,
            provenance=header.get("provenance", table.provenance),
            counts=counts or table.counts,
        )


def titled(pairs: Pairs, folder: Path, title_of: Callable[[Mapping[str, Any]], str], /) -> Pairs:
    """Return stored pairs with the titles that a function makes of their rows."""
    with (
        guarded(f"{folder / ROWS} does not name its pairs", "Make the folder again."),
        (folder / ROWS).open(encoding="utf-8") as file,
    ):
        titles = {row["id"]: title_of(row) for row in map(json.loads, file)}
        return replace(pairs, titles=tuple(titles[name] for name in pairs.ids))


def write_pairs(pairs: Pairs, folder: str | PathLike[str], /) -> Path:
    """Write pairs as a folder that `load_pairs` reads back.

    Parameters
    ----------
    pairs : Pairs
        Images are copied as they are; an open `PIL.Image.Image` is written as PNG.
    folder : str or path
        New or empty. It appears when it is complete, never half-written.

    Returns
    -------
    Path
        The folder. Content read back has the same fingerprint, but for open images, which become files, and for
        what `load_pairs` drops of every data set: outer white space and duplicates.

    Raises
    ------
    StorageError
        If something is there already, or it cannot be written.
    InputError
        If a side holds arrays.

    Examples
    --------
    >>> import tempfile
    >>> from platoscope.datasets import Pairs, Side, load_pairs
    >>> toy = Pairs("toy", Side("en", "text", ["one"]), Side("it", "text", ["uno"]))
    >>> with tempfile.TemporaryDirectory() as scratch:
    ...     again = load_pairs(str(write_pairs(toy, f"{scratch}/toy")))
    >>> again.fingerprint() == toy.fingerprint()
    True
    """
    instance("pairs", pairs, Pairs, made_by="load_pairs")
    folder = a_path("folder", folder)
    if "array" in (pairs.a.modality, pairs.b.modality):
        message = f"{pairs.name!r} has arrays for items, which have no form in such a folder. Keep them with numpy.save."
        raise InputError(message)
    columns = (pairs.a.name, pairs.b.name)
    if columns[0] == columns[1] or {"id", "stratum", "title"} & set(columns):
        columns = ("a_" + columns[0], "b_" + columns[1])
    with new_folder(folder) as new:
        rows: list[dict[str, str]] = [{"id": identifier} for identifier in pairs.ids]
        for letter, column, side in zip("ab", columns, (pairs.a, pairs.b), strict=True):
            for number, (row, item) in enumerate(zip(rows, side, strict=True)):
                row[column] = (
                    item if side.modality == "text" else _write_image(item, new, f"{number:06d}_{letter}")
                )
        for column, values in (("stratum", pairs.strata), ("title", pairs.titles)):
            for row, value in zip(rows, values or (), strict=False):
                row[column] = value
        header = {
            "name": pairs.name,
            "sides": columns,
            "side_names": (pairs.a.name, pairs.b.name),
            "image_columns": [
                column
                for column, side in zip(columns, (pairs.a, pairs.b), strict=True)
                if side.modality == "image"
            ],
            "title_column": None if pairs.titles is None else "title",
            "provenance": pairs.provenance,
            "counts": [asdict(count) for count in pairs.counts],
        }
        write_rows(new, rows, header)
    return folder


def write_rows(folder: Path, rows: Sequence[Mapping[str, Any]], header: Mapping[str, Any], /) -> None:
    """Write the two files of a stored data set into a folder that exists."""
    with (folder / ROWS).open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    content = json.dumps({"format": FORMAT, **header}, ensure_ascii=False, indent=2)
    (folder / HEADER).write_text(content + "\n", encoding="utf-8")


@contextmanager
def new_folder(folder: Path, /) -> Iterator[Path]:
    """Give a scratch folder beside `folder`, and put it in its place when the block ends well.

    Raises
    ------
    StorageError
        If `folder` holds something already, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} exists already. Choose another folder, or remove it first."
        raise StorageError(message)
    try:
        with kept.workplace(folder.parent) as workplace:
            scratch = workplace / "content"
            scratch.mkdir()
            yield scratch
            kept.seal(scratch)
            if folder.exists():
                folder.rmdir()
            scratch.rename(folder)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        message = f"{folder} cannot be written: {error.strerror or error}."
        raise StorageError(message) from error


def _require_whole(folder: Path) -> None:
    """Refuse a folder of which a file is not what was written; of one without checksums nothing is known."""
    damaged = kept.problems(folder) if kept.has_checksums(folder) else []
    if damaged:
        name, reason = damaged[0]
        message = (
            f"{folder / name} is damaged or was changed: {reason} ({len(damaged)} such files). Make the folder again; if "
            f"you changed it on purpose, remove {folder / kept.CHECKSUMS}."
        )
        raise StorageError(message)


def _read_header(folder: Path) -> dict[str, Any]:
    path = folder / HEADER
    if not path.is_file():
        return {}
    with guarded(f"{path} is not valid JSON", "Make the folder again."):
        header: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if header.get("format") != FORMAT:
        message = f"{path} has the format {header.get('format')!r}; this version reads {FORMAT}."
        raise InputError(message)
    if header.get("sides"):
        header["sides"] = tuple(header["sides"])
    return header


def _write_image(source: ImageSource, folder: Path, stem: str) -> str:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    if isinstance(source, str | PathLike):
        name = f"{stem}{Path(source).suffix.lower()}"
        shutil.copyfile(source, images / name)
    elif isinstance(source, bytes):
        name = f"{stem}{_suffix(source)}"
        (images / name).write_bytes(source)
    else:
        name = f"{stem}.png"
        open_image(source).save(images / name)
    return f"images/{name}"


def _suffix(content: bytes) -> str:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            kind = (image.format or "").lower()
    except OSError as error:
        message = (
            f"an image of {len(content)} bytes cannot be read: {error}. Drop it first (drop_unreadable)."
        )
        raise InputError(message) from error
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")
