"""A store in an object store (Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure), through obstore.

Nothing can be moved there, and nothing is locked. What holds instead: an object appears whole or not at all, and of two
that write the same one *unless it is there*, one does (a conditional put). `ObjectFolder.create` rests on that.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from platoscope.errors import InputError, UnreachableError, require_package
from platoscope.representations._folder import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["SCHEMES", "ObjectFolder"]

SCHEMES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY",
}
"""How the URL of an object store begins, and the variables that are set most often for it."""

_READERS = 8  # each range is a round trip
# What was refused, cut or lost is repeated by obstore. Meanwhile nobody can interrupt it, so it is not repeated for long.
_RETRIES = {
    "max_retries": 10,
    "retry_timeout": timedelta(minutes=1),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=15)},
}
# A unit has up to 64 MiB, and a line may be slow; one that is silent is given up sooner.
_CLIENT = {"connect_timeout": "10s", "read_timeout": "30s", "timeout": "5min"}

_STATUS = re.compile(r"status code: (\d{3}(?: [A-Z][A-Za-z]*)*)")
_CODE = re.compile(r"<Code>([A-Za-z]+)</Code>")
_KIND = re.compile(r"\b(?:kind|source): ([A-Z][A-Za-z]+)\b")
_OUT_OF_RANGE = "416"
_WHOLE = "NotPartial"
_NO_CREDENTIALS = "the environment has no credentials for it (on a cluster, that of each worker)"
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_ASKED_FOR_CREDENTIALS = ("//169.254.169.254/", "//metadata.google.internal/")
_OTHER_REGION = "incorrectly configured region"
_PLAIN_HTTP = "BadScheme"
_YES = frozenset({"1", "on", "true", "y", "yes"})
_BROKEN = {
    "Connect": "nothing answers at its endpoint",
    "Timeout": "it did not answer in time",
    "Interrupted": "the connection was cut",
    "Request": "a request was not answered",
    "Body": "an answer was cut",
}
_GOES_ON = "What was finished before is kept; run again to go on."


class ObjectFolder:
    """A prefix of a bucket: ``s3://BUCKET/FOLDER``, ``gs://BUCKET/FOLDER`` or ``az://CONTAINER/FOLDER``."""

    def __init__(self, url: str) -> None:
        if not urlsplit(url).netloc:
            message = f"{url!r} names no bucket. A store there is s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://CONTAINER/FOLDER."
            raise InputError(message)
        require_package("obstore", f"the store {url}", "pip install 'platoscope[object-store]'")
        import obstore  # of the extra object-store
        from obstore.store import from_url

        self._api = obstore
        self.location = url.rstrip("/")
        scheme = url.partition("://")[0]
        variables = SCHEMES[scheme]
        self._settings = f"Credentials and endpoint are those of the environment ({variables}, ...)."
        # With options of a client, obstore does not ask the environment for this one.
        allows_http = os.environ.get(f"{variables.partition('_')[0]}_ALLOW_HTTP", "").lower() in _YES
        with self._reached():
            self._store = from_url(
                url, client_options={**_CLIENT, "allow_http": allows_http}, retry_config=_RETRIES
            )

    def __reduce__(self) -> tuple[type[ObjectFolder], tuple[str]]:
        # Whoever unpickles it has credentials of its own environment; none travel.
        return type(self), (self.location,)

    def n_readers(self, n_bytes: int, /) -> int:
        return _READERS

    def names(self, path: str, /) -> frozenset[str]:
        with self._reached():
            found = self._api.list_with_delimiter(self._store, path)
        paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return frozenset(each.rsplit("/", 1)[-1] for each in paths)

    def has(self, path: str, /) -> bool:
        try:
            with self._reached():
                self._api.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def read_text(self, path: str, /) -> str:
        return self._read(path).decode("utf-8")

    def open_range(self, path: str, start: int, length: int, /) -> BinaryIO:
        return io.BytesIO(self._read(path, slice(start, start + length)))

    def expect_range(self, path: str, start: int, length: int, /) -> None:
        """Do nothing: several readers are under way already."""

    def read_tail(self, path: str, length: int, /) -> bytes:
        try:
            return self._read(path, slice(-length, None))
        except _NotOfferedError:  # in Azure
            with self._reached():
                size = self._api.head(self._store, path)["size"]
            return self._read(path, slice(max(0, size - length), size)) if size else b""

    def write(self, path: str, pieces: Sequence[bytes | memoryview], /) -> None:
        self._put(path, pieces, "overwrite")

    def write_first(self, path: str, content: bytes, /) -> None:
        try:
            self._put(path, [content], "create")
        except FileExistsError:
            return
        except _NotOfferedError:  # there is nothing better than to look first
            if not self.has(path):
                self.write(path, [content])

    def create(self, name: str, files: Mapping[str, bytes], /) -> bool:
        there = {path.removeprefix(f"{name}/") for path, _ in self._below(name)}
        if METADATA in there:
            return False
        # What a removal or a killed writer left. Of `files` nothing is deleted: another process may be writing them.
        remains = there - files.keys()
        self._delete([f"{name}/{file}" for file in sorted(remains)])
        others = [file for file in files if file != METADATA]
        for file in [*others, METADATA]:
            self.write_first(f"{name}/{file}", files[file])
        # Whose metadata came first, theirs are the other files too, whoever wrote some of them before.
        if self._read(f"{name}/{METADATA}") == files[METADATA]:
            for file in others:
                if self._read(f"{name}/{file}") != files[file]:
                    self.write(f"{name}/{file}", [files[file]])
        return bool(remains)

    def size(self, path: str, /) -> int:
        return sum(size for _, size in self._below(path))

    def remove(self, path: str, /) -> None:
        below = [found for found, _ in self._below(path)]
        metadata = f"{path}/{METADATA}"
        if metadata in below:  # first: what is still there if this is cut short is no group any more
            self._delete([metadata])
        self._delete([found for found in below if found != metadata] or [path])

    def sweep(self, path: str, /) -> None:
        """Do nothing: an object that was not written to its end is not there."""

    def _below(self, path: str) -> list[tuple[str, int]]:
        """List all objects below a path with their bytes."""
        with self._reached():
            found = self._api.list(self._store, path).collect()
        return [(each["path"], each["size"]) for each in found]

    def _read(self, path: str, part: slice | None = None) -> bytes:
        """Read an object, or what there is of a part of it."""
        options: Any = {}
        if part is not None:
            options["range"] = (part.start, part.stop) if part.stop is not None else {"suffix": -part.start}
        try:
            with self._reached():
                content: bytes = self._api.get(self._store, path, options=options).bytes().to_bytes()
                return content
        except _BeyondTheEndError:
            return b""
        except _WholeError:
            return self._read(path)[part or slice(None)]

    def _put(self, path: str, pieces: Sequence[bytes | memoryview], mode: Any) -> None:
        try:
            with self._reached():
                # In one request: an upload in parts that is broken off leaves parts that cost and that nobody sees.
                self._api.put(self._store, path, list(pieces), mode=mode, use_multipart=False)
        except FileNotFoundError:
            raise self._no_bucket_error() from None

    def _delete(self, paths: Sequence[str]) -> None:
        """Delete objects, of which another process may delete some."""
        if not paths:
            return
        try:
            with self._reached():
                self._api.delete(self._store, list(paths))
        except FileNotFoundError:  # not in S3, where that is no error
            for path in paths:
                with contextlib.suppress(FileNotFoundError), self._reached():
                    self._api.delete(self._store, path)

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn what obstore raises into a sentence of known words: what servers answer repeats keys and signatures."""
        expected = self._api.exceptions
        try:
            yield
        except FileNotFoundError as error:
            if any(code in str(error) for code in _NO_BUCKET):
                raise self._no_bucket_error() from None
            raise FileNotFoundError(self.location) from None
        except expected.AlreadyExistsError:
            raise FileExistsError(self.location) from None
        except (expected.NotSupportedError, NotImplementedError):
            raise _NotOfferedError from None
        except (expected.BaseError, OSError, ValueError) as error:
            raise self._said_error(str(error)) from None

    def _said_error(self, said: str) -> Exception:
        """Build the error for what obstore said."""
        status = _STATUS.search(said)
        if status is not None and status[1].startswith(_OUT_OF_RANGE):
            return _BeyondTheEndError()
        if _WHOLE in said:
            return _WholeError()
        if any(address in said for address in _ASKED_FOR_CREDENTIALS):
            return self._error(_NO_CREDENTIALS, self._settings)
        if any(code in said for code in _NO_BUCKET):
            return self._no_bucket_error()
        if _OTHER_REGION in said:
            return self._error("the bucket is in another region", self._settings)
        if status is not None:
            code = _CODE.search(said)
            answer = status[1] if code is None else f"{status[1]} ({code[1]})"
            return self._error(f"it answers {answer}", _GOES_ON if answer[0] == "5" else self._settings)
        kinds = _KIND.findall(said)
        if _PLAIN_HTTP in kinds:
            return self._error(
                "its endpoint is not https, which a variable allows (AWS_ALLOW_HTTP=true)", self._settings
            )
        for kind, reason in _BROKEN.items():
            if kind in kinds:
                return self._error(reason, _GOES_ON)
        return self._error(f"obstore says {' '.join(kinds[:2]) or 'no more'}", self._settings)

    def _no_bucket_error(self) -> UnreachableError:
        return self._error("there is no such bucket", self._settings)

    def _error(self, reason: str, way_out: str) -> UnreachableError:
        return UnreachableError(f"The store {self.location} cannot be used: {reason}. {way_out}")


class _BeyondTheEndError(Exception):
    """The object ends before the part begins that was asked for."""


class _NotOfferedError(Exception):
    """The store takes no such request, as for the end of an object, or to write only where there is none."""


class _WholeError(Exception):
    """The server sends the whole object where a part was asked for."""
