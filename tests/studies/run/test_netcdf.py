"""Results are written and read as xarray itself does with h5netcdf, in less time."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import xarray as xr

from platoscope import compare
from platoscope.studies.run.netcdf import read_netcdf, write_netcdf

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def result() -> xr.Dataset:
    """Give a result of many variables, with names of items, numbers, truth values, NaN and texts of any alphabet."""
    rng = np.random.default_rng(0)
    A = [rng.standard_normal((60, 4)) for _ in range(3)]
    found = compare(A, A, n_resamples=4, n_permutations=4, items=True, rng=0)
    return found.assign(
        chosen=("item", np.arange(60) % 3 == 0),
        word=("item", [f"Wörter {i} 語" for i in range(60)]),
        missing=("layer_a", [np.nan, 1.0, -0.0]),
        nothing=("none", np.zeros(0)),
        one=((), np.int64(7)),
    ).assign_coords(item=[f"it-{i}" for i in range(60)])


def _encoding(result: xr.Dataset) -> dict[str, Any]:
    of_items = [name for name, values in result.variables.items() if "item" in values.dims]
    return {name: {"zlib": True, "shuffle": True} for name in of_items if result[name].dtype.kind in "iuf"}


def _contents(path: Path) -> dict[str, Any]:
    """Give all that HDF5 holds: shape, type, storage, attributes, the dimensions it is attached to."""
    with h5py.File(path) as file:
        root = {"/": {name: str(value) for name, value in file.attrs.items()}}
        return root | {
            name: (
                data.shape, data.maxshape, data.dtype, data.chunks, data.compression, data[()].tolist(),
                [[scale.name for scale in axis.values()] for axis in data.dims],
                {key: str(value) for key, value in data.attrs.items() if key not in ("DIMENSION_LIST", "REFERENCE_LIST")},
            )
            for name, data in file.items()
        }  # fmt: skip


def test_the_file_is_that_of_xarray(result: xr.Dataset, tmp_path: Path) -> None:
    """Every array with its type, attributes, packing and dimensions, in the same order."""
    result.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf", encoding=_encoding(result))
    write_netcdf(result, tmp_path / "ours.nc", encoding=_encoding(result))
    ours, theirs = (_contents(tmp_path / f"{name}.nc") for name in ("ours", "theirs"))
    assert list(ours) == list(theirs)
    np.testing.assert_equal(ours, theirs)


def test_what_is_read_is_what_xarray_reads(result: xr.Dataset, tmp_path: Path) -> None:
    """Also from a file that xarray wrote; and xarray reads ours."""
    result.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf", encoding=_encoding(result))
    write_netcdf(result, tmp_path / "ours.nc", encoding=_encoding(result))
    for name in ("ours", "theirs"):
        found = read_netcdf(tmp_path / f"{name}.nc")
        assert found.identical(xr.load_dataset(tmp_path / f"{name}.nc", engine="h5netcdf"))
        xr.testing.assert_identical(found.drop_attrs(), result.drop_attrs())


def test_the_same_result_is_the_same_bytes(result: xr.Dataset, tmp_path: Path) -> None:
    """So that a checksum tells of two runs whether they found the same."""
    for name in ("once", "again"):
        write_netcdf(result, tmp_path / f"{name}.nc", encoding=_encoding(result))
    assert (tmp_path / "once.nc").read_bytes() == (tmp_path / "again.nc").read_bytes()


def test_a_file_can_be_written_again_after_it_failed(result: xr.Dataset, tmp_path: Path) -> None:
    """What could not be written leaves no file open, which HDF5 would refuse to write."""
    odd = result.assign_attrs(odd=object())
    with pytest.raises(TypeError):
        write_netcdf(odd, tmp_path / "a.nc", encoding={})
    write_netcdf(result, tmp_path / "a.nc", encoding={})
    assert read_netcdf(tmp_path / "a.nc").sizes == result.sizes


def test_what_is_no_netcdf_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    """As `RunFolder` tells of it."""
    (tmp_path / "a.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(OSError, match="a.nc|file"):
        read_netcdf(tmp_path / "a.nc")
    with pytest.raises(FileNotFoundError):
        read_netcdf(tmp_path / "b.nc")


def test_what_is_read_can_be_pickled(result: xr.Dataset, tmp_path: Path) -> None:
    """For workers, and for processes of the user's own."""
    write_netcdf(result, tmp_path / "r.nc", encoding=_encoding(result))
    read = read_netcdf(tmp_path / "r.nc")
    assert pickle.loads(pickle.dumps(read)).identical(read)
