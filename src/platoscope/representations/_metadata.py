"""The ``zarr.json`` of groups and arrays: read, and held against the digest that was kept in it."""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING, Any

from platoscope.errors import StorageError, UnreachableError
from platoscope.hashing import digest
from platoscope.representations._folder import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platoscope.representations._folder import Folder

__all__ = [
    "change_attributes",
    "damaged_error",
    "expecting",
    "find_metadata",
    "metadata_file",
    "read_metadata",
    "removing",
    "verifying",
]

_DIGEST = "digest"
# All attributes that stores have had. A store from before the digests has none; any other name is damage.
_ATTRIBUTES = frozenset({"platoscope", "pooling", "plan", "mark_bytes", "completed", _DIGEST})


def read_metadata(folder: Folder, path: str, /) -> dict[str, Any]:
    """Read a ``zarr.json``, without its digest.

    Raises
    ------
    StorageError
        If it is missing, cannot be read, or is not what its digest was taken of.
    """
    metadata = find_metadata(folder, path)
    if metadata is None:
        raise damaged_error(folder, path, "they are missing")
    return metadata


def find_metadata(folder: Folder, path: str, /) -> dict[str, Any] | None:
    """Do as `read_metadata`, and give None where there is no ``zarr.json``."""
    try:
        metadata: dict[str, Any] = json.loads(folder.read_text(f"{path}/{METADATA}"))
    except FileNotFoundError:
        return None
    except UnreachableError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise damaged_error(folder, path, error) from error
    attributes = metadata.get("attributes") if isinstance(metadata, dict) else None
    if not isinstance(attributes, dict):
        raise damaged_error(folder, path, "they are no JSON object with attributes")
    unknown = sorted(attributes.keys() - _ATTRIBUTES)
    if unknown:
        raise damaged_error(folder, path, f"they have unknown attributes {unknown}")
    noted = attributes.pop(_DIGEST, None)
    if noted is not None and noted != digest(metadata):
        raise damaged_error(folder, path, "they are not what their digest was taken of")
    return metadata


def change_attributes(folder: Folder, path: str, attributes: Mapping[str, Any], /) -> None:
    """Put attributes into a ``zarr.json``, and the digest of all the rest of it."""
    folder.write(f"{path}/{METADATA}", [metadata_file(read_metadata(folder, path), attributes)])


def metadata_file(metadata: Mapping[str, Any], attributes: Mapping[str, Any], /) -> bytes:
    """Make the content of a ``zarr.json``, with attributes added and the digest of all the rest of it."""
    changed = {**metadata["attributes"], **json.loads(json.dumps(attributes, default=str))}
    changed.pop(_DIGEST, None)
    whole = {**metadata, "attributes": changed}
    changed[_DIGEST] = digest(whole)
    return json.dumps(whole, indent=2).encode()


@contextlib.contextmanager
def expecting(folder: Folder, path: str) -> Iterator[None]:
    """Turn what fails on metadata without a digest into the error that names them."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise damaged_error(folder, path, f"{type(error).__name__}: {error}") from error


def damaged_error(folder: Folder, path: str, reason: object, /) -> StorageError:
    """Build the error for metadata that cannot be used."""
    return StorageError(
        f"The metadata of {path!r} in {folder.location} are damaged: {reason}. Remove the group "
        f"({removing(folder, path)}) and extract again."
    )


def removing(folder: Folder, path: str, /) -> str:
    """Give the command that removes the group in which something lies."""
    return _command("rm", folder, path)


def verifying(folder: Folder, path: str, /) -> str:
    """Give the command that names all that is damaged in the group in which something lies."""
    return _command("verify", folder, path)


def _command(what: str, folder: Folder, path: str) -> str:
    return f"platoscope store {what} {path.split('/')[0][:12]} --store {shlex.quote(str(folder.location))}"
