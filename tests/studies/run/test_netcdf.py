"""Files of results are netCDF-4: what is written here xarray reads by h5netcdf, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import xarray as xr

from platoscope.layerwise import compare, profile
from platoscope.studies.run.netcdf import read_netcdf, write_netcdf

if TYPE_CHECKING:
    from pathlib import Path


def _of_all_kinds() -> xr.Dataset:
    """Give numbers, truth values and texts, with and without dimensions, coordinates and items."""
    return xr.Dataset(
        {
            "values": (("layer", "resample"), np.array([[1.5, np.nan], [0.0, -np.inf]])),
            "short": (("layer",), np.array([1.0, np.nan], dtype=np.float32), {"units": "1", "range": [0, 2]}),
            "rank": (("layer", "item"), np.arange(6, dtype=np.uint16).reshape(2, 3)),
            "holds": (("layer",), np.array([True, False])),
            "holds_of_item": (("item",), np.array([True, False, True])),
            "said": (("layer",), np.array(["", "perché"])),
            "nothing": (("empty",), np.zeros(0)),
            "number": 3,
            "text": "a text",
        },
        {
            "item": ["a", "à la", ""],
            "stratum": ("item", ["of one", "of one", "book"]),
            "layer": [3, 7],
            "relative_depth": ("layer", [0.25, 0.75]),
        },
        {"n": 3, "seed": "0", "fraction": 0.25, "several": ["a", "b"], "numbers": np.arange(2), "è": "ù"},
    )


def _of_layers(of: str) -> xr.Dataset:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 60, 4))
    B = A + rng.standard_normal(A.shape)
    if of == "compare":
        return compare(A, B, n_resamples=2, n_permutations=2, rng=0)
    return profile(A, B, n_resamples=2, n_permutations=2, rng=0)


@pytest.mark.parametrize("of", ["all kinds", "compare", "profile"])
def test_files_are_those_of_xarray(of: str, tmp_path: Path) -> None:
    """Values, kinds, order, and all that is said of them: whoever wrote, whoever reads."""
    dataset = _of_all_kinds() if of == "all kinds" else _of_layers(of)
    as_bytes = {
        name: {"dtype": "S1"}
        for name, values in dataset.variables.items()
        if "item" in values.dims and values.dtype.kind == "U"
    }
    dataset.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf", encoding=as_bytes)
    write_netcdf(dataset, tmp_path / "ours.nc", packed="item")
    right = xr.load_dataset(tmp_path / "theirs.nc", engine="h5netcdf")
    assert right.identical(dataset)
    for found in (
        xr.load_dataset(tmp_path / "ours.nc", engine="h5netcdf"),
        read_netcdf(tmp_path / "theirs.nc"),
        read_netcdf(tmp_path / "ours.nc"),
    ):
        assert found.identical(right)
        assert [*found.data_vars] == [*right.data_vars]
        assert {name: each.dtype for name, each in found.variables.items()} == {
            name: each.dtype for name, each in right.variables.items()
        }
        assert {name: type(value) for name, value in found.attrs.items()} == {
            name: type(value) for name, value in right.attrs.items()
        }


def test_what_is_of_items_is_compressed(tmp_path: Path) -> None:
    """Texts too; the rest is too small for it."""
    write_netcdf(_of_all_kinds(), tmp_path / "a.nc", packed="item")
    with h5py.File(tmp_path / "a.nc") as file:
        packed = {name for name, found in file.items() if found.compression is not None}
    assert packed == {"rank", "holds_of_item", "item", "stratum"}


def test_what_stands_in_hdf5_is_what_the_library_of_netcdf_asks_for(tmp_path: Path) -> None:
    """Dimensions are numbered scales, each variable names its own, and each is told from a variable of that name."""
    for name in ("ours", "theirs"):
        path = tmp_path / f"{name}.nc"
        dataset = _of_all_kinds().drop_vars(["item", "stratum"])
        if name == "ours":
            write_netcdf(dataset, path, packed="item")
        else:
            dataset.to_netcdf(path, engine="h5netcdf")
    told = []
    for name in ("ours", "theirs"):
        with h5py.File(tmp_path / f"{name}.nc") as file:
            ids = {int(found.attrs["_Netcdf4Dimid"]): each for each, found in file.items() if found.is_scale}
            assert sorted(ids) == list(range(len(ids)))
            told.append(
                {
                    each: (
                        found.shape,
                        found.maxshape,
                        found.dtype,
                        found.attrs.get("NAME"),
                        [file[scale[0]].name for scale in found.attrs.get("DIMENSION_LIST", [])],
                        [ids[number] for number in found.attrs.get("_Netcdf4Coordinates", [])],
                        str(found.attrs.get("_FillValue")),
                    )
                    for each, found in file.items()
                }
            )
            assert file.attrs["_NCProperties"].startswith(b"version=2,")
    assert told[0] == told[1]
