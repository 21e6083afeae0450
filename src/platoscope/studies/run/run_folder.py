"""The folder of a run: what is written in it, and how it is read back.

::

    out/
      config.json        the study, resolved: choices, settings, comparisons, panels
      results/           one netCDF file per comparison, with its digest
      parts/             what workers have finished of a large comparison, until it is there (`KeptParts`)
      items/             what stands for the items of these, one file per set of items
      results.csv        the same values as one tidy table
      summary.json       the closing table
      verdicts.json      the statements, judged
      provenance.json    models, data, filters, versions, machine, timings
      checksums.txt      of all files, the figures and the page included

Every file appears in one step (written beside its place, then renamed), so that a run that is killed leaves
whole files only, and the next run keeps every comparison whose digest still fits and whose file is what was
written. What says that a run is
finished goes before the first file that it no longer speaks of is written.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platoscope import kept
from platoscope.checks import in_short
from platoscope.errors import NotFoundError, PlatoscopeWarning, StorageError
from platoscope.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    import xarray as xr

__all__ = ["DIGEST", "RunFolder"]

DIGEST = "comparison_digest"
"""The attribute of a result that says from which comparison, items and models it came."""


_HOLDS = {"provenance": dict, "summary": dict, "all": dict}  # the others are checked by who reads them
_CONCLUSIONS = ("provenance.json", "verdicts.json", "summary.json", "results.csv")
_MARGIN = 1 << 16


@dataclass(frozen=True)
class RunFolder:
    """Reads and writes the files of one run.

    Parameters
    ----------
    path : Path
        The folder; made when something is written.
    """

    path: Path

    def prepare(self) -> None:
        """Make the folder and try to write in it, before any work is done.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        with _writing(self.path):
            (self.path / "results").mkdir(parents=True, exist_ok=True)
            kept.sweep(self.path)
            kept.sweep(self.path / "results")
            kept.sweep(self.path / "items")
            with tempfile.TemporaryFile(dir=self.path):
                pass

    def reopen(self) -> None:
        """Take away what says that the run is finished, before a result is written that it does not speak of."""
        for name in _CONCLUSIONS:
            with _writing(self.path / name):
                (self.path / name).unlink(missing_ok=True)

    def holds(self, name: str, value: object, /) -> bool:
        """Tell whether ``<name>.json`` says exactly this, and its checksum is there."""
        file = f"{name}.json"
        return (
            kept.problem(self.path, file) is None and (self.path / file).read_bytes() == _text(value).encode()
        )

    def write_json(self, name: str, value: object, /) -> None:
        """Write a plain value as ``<name>.json``."""
        with self._draft(f"{name}.json") as draft:
            draft.write_bytes(_text(value).encode())

    def read_json(self, name: str, /) -> Any:
        """Read ``<name>.json``.

        Raises
        ------
        NotFoundError
            If there is none: the folder holds no run, or one that is not finished.
        StorageError
            If it cannot be read, or is not what was written.
        """
        path = self.path / f"{name}.json"
        try:
            content = path.read_text(encoding="utf-8")
            self._require_whole(path.name)
            found = json.loads(content)
            kind = _HOLDS.get(name, object)
            if not isinstance(found, kind):
                msg = f"it holds {in_short(found)} and no {kind.__name__}"
                raise TypeError(msg)
            return found
        except FileNotFoundError:
            msg = f"{self.path} holds no finished run: there is no {path.name}. Run the study with --out {self.path}."
            raise NotFoundError(msg) from None
        except StorageError:
            raise
        except OSError as error:
            msg = f"cannot read {path}: {error.strerror or error}"
            raise StorageError(msg) from error
        except (ValueError, TypeError, RecursionError) as error:
            msg = f"{path} is damaged ({error}); run the study again with --out {self.path}."
            raise StorageError(msg) from error

    def write_result(self, label: str, result: xr.Dataset, /) -> None:
        """Write the labelled result of one comparison as netCDF."""
        from platoscope.studies.run.netcdf import write_netcdf  # xarray and h5py: a second to import

        room = result.nbytes + sum(len(str(value)) for value in result.attrs.values()) + _MARGIN
        with self._draft(_result_file(label)) as draft:
            # HDF5 that meets a full disk takes the process down with it; here the system says no instead.
            kept.require_room(draft, room)
            write_netcdf(result, draft, encoding=_encoding(result))

    def read_result(self, label: str, /) -> xr.Dataset | None:
        """Read the result of one comparison; None where there is none.

        Raises
        ------
        StorageError
            If it is not what was written. HDF5 opens it only if its checksum is right: damage can stop HDF5 for ever.
        """
        from platoscope.studies.run.netcdf import read_netcdf  # as above

        path = self.path / _result_file(label)
        if not path.exists():
            return None
        self._require_whole(f"results/{path.name}")
        try:
            return read_netcdf(path)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            msg = f"{path} cannot be read ({error}); run the study again with --out {self.path}."
            raise StorageError(msg) from error

    def keep_items(self, names: Iterable[str], /) -> None:
        """Delete the files of items that are not among these."""
        written = {f"items/{file.name}" for file in (self.path / "items").glob("*.jsonl")}
        with _writing(self.path / "items"):
            kept.forget(self.path, written - set(names))

    def write_items(self, name: str, lines: Iterable[Mapping[str, Any]], /) -> None:
        """Write a file of items, a plain value a line."""
        with _writing(self.path / name):
            (self.path / name).parent.mkdir(exist_ok=True)
        with self._draft(name) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False, default=_plain) + "\n")

    def items_begin(self, name: str, header: Mapping[str, Any], /) -> bool:
        """Tell whether a file of items is whole, and its first line says exactly this."""
        if kept.problem(self.path, name) is not None:
            return False
        with (self.path / name).open(encoding="utf-8") as file:
            return file.readline() == json.dumps(header, ensure_ascii=False, default=_plain) + "\n"

    def read_items(self, name: str, /) -> list[dict[str, Any]]:
        """Read a file of items.

        Raises
        ------
        StorageError
            If it is missing, or not what was written.
        """
        path = self.path / name
        try:
            self._require_whole(name)
            return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            msg = (
                f"cannot read {path}: {error.strerror or error}. Run the study again with --out {self.path}."
            )
            raise StorageError(msg) from error
        except (ValueError, RecursionError) as error:
            msg = f"{path} is damaged ({error}); run the study again with --out {self.path}."
            raise StorageError(msg) from error

    def kept_results(self, digests: Mapping[str, str], /) -> dict[str, xr.Dataset]:
        """Read the results that need not be computed again.

        Parameters
        ----------
        digests : mapping of str to str
            By label, what a result must have come from.

        Warns
        -----
        PlatoscopeWarning
            If files are not what was written, or have no checksum.
        """
        found, damaged = {}, []
        for label, digest in digests.items():
            try:
                result = self.read_result(label)
            except StorageError:
                damaged.append(label)
                continue
            if result is not None and result.attrs.get(DIGEST) == digest:
                found[label] = result
        if damaged:
            message = (
                f"{len(damaged)} of the results in {self.path} are damaged or have no checksum, and are computed again: "
                f"{', '.join(damaged)}."
            )
            warnings.warn(message, PlatoscopeWarning, stacklevel=2)
        return found

    def problems(self, labels: Iterable[str], /) -> list[tuple[str, str]]:
        """Find every file that is damaged, or missing in a finished run with these comparisons.

        Returns
        -------
        list of (name, reason)
            Empty where everything is whole.
        """
        found = dict(kept.problems(self.path))
        needed = ["config.json", *_CONCLUSIONS, *map(_result_file, labels)]
        return list((found | dict(kept.problems(self.path, needed))).items())

    def _require_whole(self, name: str) -> None:
        """Refuse a file that is not what was written; of one from before there were checksums nothing is known."""
        if not kept.has_checksums(self.path):
            return
        reason = kept.problem(self.path, name)
        if reason is not None:
            msg = (
                f"{self.path / name} is damaged or was changed: {reason}. Run the study again with --out {self.path}; "
                f"what is whole is kept (platoscope verify {self.path} names what is not)."
            )
            raise StorageError(msg)

    def write_table(self, table: pd.DataFrame, /) -> None:
        """Write the tidy table of all results."""
        with self._draft("results.csv") as draft:
            table.to_csv(draft, index=False)

    @contextmanager
    def _draft(self, name: str) -> Iterator[Path]:
        """Give a path to write to, and put the file in its place when it is whole."""
        with _writing(self.path / name), kept.draft(self.path, name) as draft:
            yield draft


def _result_file(label: str, /) -> str:
    """Name the file of one comparison's result within the folder."""
    return f"results/{file_name(label, ending='.nc')}"


def _encoding(result: xr.Dataset, /) -> dict[str, dict[str, Any]]:
    """Say how what is about single items is packed: mostly small whole numbers, and names."""
    of_items = {str(name): values for name, values in result.variables.items() if "item" in values.dims}
    return {
        name: {"zlib": True, "shuffle": True, "complevel": 4}
        | ({} if values.dtype.kind in "iuf" else {"dtype": "S1"})
        for name, values in of_items.items()
    }


def _text(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=_plain) + "\n"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        msg = f"cannot write {path}: {error.strerror or error}. Choose another folder with --out, or free some space."
        raise StorageError(msg) from error


def _plain(value: Any) -> Any:
    """Turn NumPy numbers and arrays, paths and the rest into what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
