"""The transformers library: asked for by name where it is missing, and kept quiet where it is used.

It is imported where it is needed, as torch is: together they take several seconds, and `import platoscope` none.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from platoscope.errors import require_package

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet_library", "require_libraries"]


def require_libraries() -> None:
    """Raise `MissingExtraError` with the command that installs torch or transformers, if one is missing."""
    for library in ("torch", "transformers"):
        require_package(library, "Reading models", "pip install 'platoscope[models]'")


@contextmanager
def quiet_library() -> Iterator[None]:
    """Keep the library's bars and load report off stderr; missing weights are checked here."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
