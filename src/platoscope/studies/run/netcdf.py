"""Results as netCDF files: h5netcdf looks each array up by its name some forty times, and here once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5netcdf
import h5py
import xarray as xr
from xarray.backends import H5NetCDFStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read_netcdf", "write_netcdf"]


class _Remembering(h5py.File):  # type: ignore[misc]
    """An HDF5 file that keeps what was looked up by name, for as long as it is in the file."""

    def __init__(self, path: Path, mode: str, **options: Any) -> None:
        super().__init__(path, mode, **options)
        self._seen: dict[str, Any] = {}
        self._fixed = mode == "r"

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):
            return super().__getitem__(name)
        found = self._seen.get(name)
        # One that was deleted, as h5netcdf does with a dimension that becomes a variable, has no name left.
        if found is None or not (self._fixed or h5py.h5o.get_info(found.id).rc):
            found = self._seen[name] = super().__getitem__(name)
        return found


def write_netcdf(data: xr.Dataset, path: Path, /, *, encoding: Mapping[str, Mapping[str, Any]]) -> None:
    """Write what ``data.to_netcdf(path, engine="h5netcdf", encoding=encoding)`` writes.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with _Remembering(path, "w", track_order=True) as file, h5netcdf.File(file, "w") as opened:
        data.dump_to_store(H5NetCDFStore(opened), encoding=encoding)


def read_netcdf(path: Path, /) -> xr.Dataset:
    """Read what ``xarray.load_dataset(path, engine="h5netcdf")`` reads.

    Raises
    ------
    OSError, ValueError, KeyError, RuntimeError
        If it is no such file.
    """
    with _Remembering(path, "r") as file, h5netcdf.File(file, "r", decode_vlen_strings=True) as opened:
        data = xr.open_dataset(H5NetCDFStore(opened)).load()
    data.set_close(None)  # the file is closed, and who held it could not be pickled
    return data
