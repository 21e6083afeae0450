"""The exceptions and warnings that Platoscope raises on purpose.

Each one is also the built-in exception that a user would catch without knowing Platoscope, so
``except ValueError`` and ``except PlatoscopeError`` both work. The command line turns every
`PlatoscopeError` into one sentence and exit code 2; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

__all__ = [
    "InputError",
    "MemoryPlanError",
    "MissingExtraError",
    "NotFoundError",
    "PlatoscopeError",
    "PlatoscopeWarning",
    "StorageError",
]


class PlatoscopeError(Exception):
    """Base of every error that Platoscope raises on purpose."""


class InputError(PlatoscopeError, ValueError):
    """An argument, a file or a data set is not what the call needs."""


class NotFoundError(PlatoscopeError, LookupError):
    """A name (of a model, a corpus, a study, a layer) is unknown here."""


class StorageError(PlatoscopeError, OSError):
    """Something on disk cannot be written, read, or does not match its checksum."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class MemoryPlanError(PlatoscopeError, MemoryError):
    """The plan needs more memory than it may use; raised before any work is done."""


class MissingExtraError(PlatoscopeError, ImportError):
    """An optional dependency is missing.

    Parameters
    ----------
    feature : str
        What the user asked for, as a noun phrase ("reading hidden states").
    module : str
        The module that could not be imported.
    command : str
        The exact command that installs it.
    """

    def __init__(self, feature: str, module: str, command: str) -> None:
        super().__init__(f"{feature} needs the package {module!r}, which is not installed. Run: {command}")
        self.feature = feature
        self.module = module
        self.command = command


class PlatoscopeWarning(UserWarning):
    """Something that a careful user wants to know, always with a count."""
