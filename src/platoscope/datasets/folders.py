"""Where data lies: the user's data folder, and Debian packages that are installed or only unpacked."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder", "debian_folder"]


def data_folder() -> Path:
    """Return the user's data folder: `$PLATOSCOPE_DATA`, else `platoscope` in the XDG data folder."""
    chosen = os.environ.get("PLATOSCOPE_DATA")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "platoscope"


def debian_folder(inside: str, root: Path | None, /, *, holding: str = "") -> Path | None:
    """Find a folder of Debian packages: installed, or unpacked by `dpkg -x`.

    Parameters
    ----------
    inside : str
        Its place in an installed system, without the leading slash ("usr/share/tuxpaint/stamps").
    root : Path or None
        The user's choice: the folder itself, or where the package was unpacked. When given, nothing else
        is searched; else the system and the folder `debian` in `data_folder()` are.
    holding : str, optional
        A folder within it that must be there.

    Returns
    -------
    Path or None
        `None` when it is not there.
    """
    candidates = (
        [root / inside, root] if root is not None else [Path("/") / inside, data_folder() / "debian" / inside]
    )
    return next((folder for folder in candidates if (folder / holding).is_dir()), None)
