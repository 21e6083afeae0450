"""The exceptions and warnings that Platoscope raises on purpose.

Each one is also the built-in exception that a user would catch without knowing Platoscope, so
``except ValueError`` and ``except PlatoscopeError`` both work. The command line turns every
`PlatoscopeError` into one sentence and exit code 2; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ClusterError",
    "DeviceMemoryError",
    "InputError",
    "MemoryPlanError",
    "MissingExtraError",
    "NotFoundError",
    "PlatoscopeError",
    "PlatoscopeWarning",
    "StorageError",
    "UnreachableError",
    "guarded",
    "reason_of",
    "require_package",
    "system_errors",
]

_LONGEST_REASON = 300
_SYSTEM_CODE = re.compile(r"\(os error (\d+)\)")  # what Rust says after the words
_COLORS = re.compile(r"\x1b\[[0-9;]*m")  # of a terminal, which some libraries write into what they raise


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


class UnreachableError(StorageError):
    """An object store does not answer, or refuses: nothing is known of what lies there."""


class ClusterError(PlatoscopeError, ConnectionError):
    """The workers of a cluster cannot be reached, were lost, or are not what this process needs."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class MemoryPlanError(PlatoscopeError, MemoryError):
    """The plan needs more memory than it may use; raised before any work is done."""


class DeviceMemoryError(PlatoscopeError, MemoryError):
    """A device has too little memory for what a model or a comparison does there."""


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

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        return type(self), (self.feature, self.module, self.command)


def require_package(module: str, feature: str, command: str, /) -> None:
    """Name the command that installs an optional package, if it is missing.

    Parameters
    ----------
    module, feature, command : str
        As in `MissingExtraError`. The module is found without being imported.

    Raises
    ------
    MissingExtraError
        If it cannot be found.
    """
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # the package that it would lie in
        found = None
    if found is None:
        raise MissingExtraError(feature, module.partition(".")[0], command)


@contextmanager
def guarded(
    what: str, way_out: str, /, *, kind: type[InputError] | type[StorageError] = InputError
) -> Iterator[None]:
    """Turn whatever a parser of somebody else's raises into a sentence with the file and the way out.

    Every library has errors of its own for files that it cannot read, and says so by errors of Python's as well
    (`KeyError`, `RecursionError`, `struct.error`): no list of them is ever whole. An error of Platoscope's passes.

    Parameters
    ----------
    what : str
        What cannot be done, with the file ("m.tmx cannot be read as XML").
    way_out : str
        What the user can do, as a sentence.
    kind : type
        What is raised instead.

    Examples
    --------
    >>> import json
    >>> with guarded("a.json is not valid JSON", "Write it again."):
    ...     json.loads("{")
    Traceback (most recent call last):
    ...
    platoscope.errors.InputError: a.json is not valid JSON: Expecting property name ... at character 2. Write it again.
    """
    try:
        yield
    except (PlatoscopeError, MemoryError):
        raise
    except Exception as error:
        raise kind(f"{what}: {reason_of(error)}. {way_out}".rstrip()) from error


@contextmanager
def system_errors() -> Iterator[None]:
    """Turn what libraries in Rust (safetensors, tokenizers) raise where the system refuses into Python's own `OSError`.

    Examples
    --------
    >>> with system_errors():
    ...     raise Exception("I/O error: No space left on device (os error 28)")
    Traceback (most recent call last):
    ...
    OSError: [Errno 28] No space left on device
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        code = _SYSTEM_CODE.search(str(error))
        if code is None:
            raise
        number = int(code[1])
        # The last argument is the number on Windows, which has others than errno.
        raise OSError(number, os.strerror(number), None, number) from error


def reason_of(error: BaseException, /) -> str:
    r"""Give the first line of what an error says, with the list that it announces, or its name where it says nothing.

    Examples
    --------
    >>> reason_of(KeyError()), reason_of(ValueError("no such codec."))
    ('KeyError', 'no such codec')
    >>> reason_of(OSError("no codec in: \n(1) a\n(2) b"))
    'no codec in: (1) a (2) b'
    """
    if isinstance(error, json.JSONDecodeError) and error.lineno == 1:
        # Its own words count lines within what was parsed, which may be one line of a file.
        return f"{error.msg} at character {error.colno}"
    said = _COLORS.sub("", getattr(error, "strerror", None) or str(error)).strip()
    first = said.splitlines()[0].rstrip() if said else ""
    first = (" ".join(said.split()) if first.endswith(":") else first)[:_LONGEST_REASON].rstrip(" .:")
    return first if first and not isinstance(error, KeyError) else f"{type(error).__name__} {first}".rstrip()


class PlatoscopeWarning(UserWarning):
    """Something that a careful user wants to know, always with a count."""
