"""The folder of a run: what is written in it, and how it is read back.

::

    out/
      config.json        the study, resolved: choices, settings, comparisons, panels
      results/           one netCDF file per comparison, with its digest
      results.csv        the same values as one tidy table
      summary.json       the closing table
      verdicts.json      the statements, judged
      provenance.json    models, data, filters, versions, machine, timings

Every file appears in one step (written beside its place, then renamed), so that a run that is killed leaves
whole files only, and the next run keeps every comparison whose digest still fits.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import xarray as xr

__all__ = ["DIGEST", "RunFolder"]

DIGEST = "comparison_digest"
"""The attribute of a result that says from which comparison, items and models it came."""


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
            with tempfile.TemporaryFile(dir=self.path):
                pass

    def write_json(self, name: str, value: object, /) -> None:
        """Write a plain value as ``<name>.json``."""
        text = json.dumps(value, indent=1, ensure_ascii=False, default=_plain) + "\n"
        with self._draft(f"{name}.json") as draft:
            draft.write_text(text, encoding="utf-8")

    def read_json(self, name: str, /) -> Any:
        """Read ``<name>.json``.

        Raises
        ------
        NotFoundError
            If there is none: the folder holds no run, or one that is not finished.
        """
        path = self.path / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            msg = f"{self.path} holds no finished run: there is no {path.name}. Run the study with --out {self.path}."
            raise NotFoundError(msg) from None
        except ValueError as error:
            msg = f"{path} is damaged ({error}); run the study again with --out {self.path}."
            raise StorageError(msg) from error

    def write_result(self, label: str, result: xr.Dataset, /) -> None:
        """Write the labelled result of one comparison as netCDF."""
        with self._draft(f"results/{slug(label)}.nc") as draft:
            result.to_netcdf(draft, engine="h5netcdf")

    def read_result(self, label: str, /, *, digest: str | None = None) -> xr.Dataset | None:
        """Read the result of one comparison; None where there is none, or one of another digest."""
        import xarray as xr

        path = self.path / "results" / f"{slug(label)}.nc"
        if not path.exists():
            return None
        try:
            with xr.open_dataset(path, engine="h5netcdf") as stored:
                if digest is not None and stored.attrs.get(DIGEST) != digest:
                    return None
                return stored.load()
        except (OSError, ValueError, KeyError) as error:
            if digest is not None:
                return None  # damaged: it is computed again
            msg = f"{path} cannot be read ({error}); run the study again with --out {self.path}."
            raise StorageError(msg) from error

    def write_table(self, table: pd.DataFrame, /) -> None:
        """Write the tidy table of all results."""
        with self._draft("results.csv") as draft:
            table.to_csv(draft, index=False)

    @contextmanager
    def _draft(self, name: str) -> Iterator[Path]:
        """Give a path to write to, and put the file in its place when it is whole."""
        target = self.path / name
        with _writing(target):
            handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-", suffix=target.suffix)
            os.close(handle)
            try:
                yield Path(draft)
                # mkstemp makes files that only their owner may read.
                Path(draft).chmod(0o644)
                Path(draft).replace(target)
            finally:
                Path(draft).unlink(missing_ok=True)


def slug(label: str, /) -> str:
    """Give a file name for a label: readable, and different for different labels.

    >>> slug("gemma-3-270m bible:en-it mean(20)")
    'gemma-3-270m_bible-3a-en-it_mean-28-20-29-'
    """
    return re.sub(r"[^\w.\- ]", lambda match: f"-{ord(match[0]):x}-", label).replace(" ", "_")


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
