"""Preparing data sets: from packages as downloaded to a folder that `load_pairs` knows by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platoscope.arguments import a_path
from platoscope.checks import in_short, listing
from platoscope.datasets.folders import data_folder
from platoscope.datasets.sources import emoji
from platoscope.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike
    from pathlib import Path

__all__ = ["prepare_data", "prepared_folders"]

_PREPARED: dict[str, Callable[[Sequence[Path], Path], Path]] = {"emoji": emoji.prepare}


def prepare_data(
    name: str, sources: Sequence[str | PathLike[str]], /, *, out: str | PathLike[str] | None = None
) -> Path:
    """Make a data set from the packages that it comes in.

    Parameters
    ----------
    name : str
        Which one: "emoji" (also for `emoji-captions`).
    sources : sequence of str or path
        Package files as downloaded, or folders they were unpacked into.
    out : str or path, optional
        New or empty folder. By default the one where `load_pairs` looks: `NAME` in the user's data folder
        (`$PLATOSCOPE_DATA`, or `~/.local/share/platoscope`).

    Returns
    -------
    Path
        The folder. It appears when it is complete.

    Raises
    ------
    NotFoundError
        If there is nothing to prepare under this name.
    InputError
        If a package is missing among the sources, or one is not what it should be.
    StorageError
        If a source cannot be read or the folder cannot be written.
    """
    if not isinstance(name, str) or name not in _PREPARED:
        message = f"no data set called {in_short(name)} needs preparing; {', '.join(_PREPARED)} does."
        raise NotFoundError(message)
    folder = data_folder() / name if out is None else a_path("out", out)
    given = [a_path("each of sources", source) for source in listing("sources", sources, of="packages")]
    return _PREPARED[name](given, folder)


def prepared_folders() -> list[Path]:
    """List the folders of the user's data folder that `prepare_data` made."""
    places = [data_folder() / name for name in _PREPARED]
    return [place for place in places if place.is_dir()]
