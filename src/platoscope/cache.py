"""Where this user's cache lies: converted models, what is remembered of models, and representations by default."""

from __future__ import annotations

import os
from pathlib import Path

from platoscope.errors import InputError

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Give the folder of the cache: ``$PLATOSCOPE_CACHE``, or ``~/.cache/platoscope``.

    Raises
    ------
    InputError
        If the variable holds a URL: models are read from files of this machine.
    """
    chosen = os.environ.get("PLATOSCOPE_CACHE")
    if not chosen:
        return Path.home() / ".cache" / "platoscope"
    if "://" in chosen:
        msg = (
            f"PLATOSCOPE_CACHE must be a folder of this machine, because models are read from it, but it is the URL "
            f"{chosen!r}. For representations that lie elsewhere, set PLATOSCOPE_STORE (the same as --store) or give "
            f"store=URL."
        )
        raise InputError(msg)
    return Path(chosen).expanduser()
