"""Results as netCDF-4 files, written and read with HDF5 itself.

A result has a hundred small variables. xarray writes and reads them by h5netcdf, which looks a variable up in the file
again for each of its properties: most of a second each way. The files are the same, for xarray and for whatever else
reads netCDF; what the values mean (missing ones, truth values, coordinates) is xarray's to say here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

    import h5py
    import xarray as xr

__all__ = ["read_netcdf", "write_netcdf"]

# What netCDF-4 keeps in attributes of HDF5, and shows nobody.
_ID, _IDS, _PROPERTIES = "_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties"
_HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_nc3_strict", _ID, _IDS, _PROPERTIES}
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable."
_PACKED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def write_netcdf(dataset: xr.Dataset, path: Path, /, *, packed: str) -> None:
    """Write labelled arrays into a new file.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of numbers, truth values and texts.
    path : Path
        The file.
    packed : str
        A dimension: variables that have it are compressed.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import h5py
    from xarray import conventions

    variables, attributes = conventions.encode_dataset_coordinates(dataset)
    # Missing values, truth values and coordinates are encoded; texts stay what they are.
    variables, attributes = conventions.cf_encoder(variables, attributes)
    of_bytes = {
        name: _as_bytes(variable)
        for name, variable in variables.items()
        if variable.dtype.kind in "OU" and packed in variable.dims
    }
    variables = {**variables, **of_bytes}
    sizes = {str(dim): size for each in variables.values() for dim, size in each.sizes.items()}
    with h5py.File(path, "w", track_order=True) as file:
        _write_attributes(file.attrs, attributes)
        said = f"version=2,h5py={h5py.__version__},hdf5={h5py.version.hdf5_version}"
        file.attrs[_PROPERTIES] = np.array(said, dtype=h5py.string_dtype("ascii", len(said)))
        written = {
            str(name): _write_values(file, str(name), variable, packed)
            for name, variable in variables.items()
        }
        scales = {dim: written.get(dim) or _write_length(file, dim, size) for dim, size in sizes.items()}
        ids = {dim: np.int32(i) for i, dim in enumerate(scales)}
        for dim, scale in scales.items():
            scale.make_scale(dim if dim in written else _NO_VARIABLE + b"%10d" % sizes[dim])
            scale.attrs[_ID] = ids[dim]
        for name, variable in variables.items():
            found, dims = written[str(name)], [str(dim) for dim in variable.dims]
            if name not in scales:
                for axis, dim in enumerate(dims):
                    found.dims[axis].attach_scale(scales[dim])
            if dims:
                found.attrs[_IDS] = np.array([ids[dim] for dim in dims])


def read_netcdf(path: Path, /) -> xr.Dataset:
    """Read all of a netCDF-4 file without groups, into memory.

    Parameters
    ----------
    path : Path
        The file, of `write_netcdf` or of xarray.

    Raises
    ------
    OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError
        If it is none. Damage can stop HDF5 for ever: hold it against a checksum before.
    """
    import h5py
    import xarray as xr

    with h5py.File(path, "r") as file:
        names = {int(found.attrs[_ID]): name for name, found in file.items() if found.is_scale}
        variables = {
            name: xr.Variable(_dimensions(file, found, names), _values(found), _attributes(found.attrs))
            for name, found in file.items()
            if not found.attrs.get("NAME", b"").startswith(_NO_VARIABLE)
        }
        attributes = _attributes(file.attrs)
    return xr.decode_cf(xr.Dataset(variables, attrs=attributes))


def _as_bytes(variable: xr.Variable) -> xr.Variable:
    """Give texts as bytes along one more dimension: those of any length are not compressed."""
    import xarray as xr

    texts = np.char.encode(variable.values.astype(str), "utf-8")
    width = max(1, texts.dtype.itemsize)
    single = np.ascontiguousarray(texts.astype(f"S{width}")).view("S1").reshape(*texts.shape, width)
    return xr.Variable((*variable.dims, f"string{width}"), single, {**variable.attrs, "_Encoding": "utf-8"})


def _write_values(file: h5py.File, name: str, variable: xr.Variable, packed: str) -> h5py.Dataset:
    """Write a variable and what is said of it; its dimensions are told afterwards."""
    import h5py

    values = variable.values
    said = dict(variable.attrs)
    how: dict[str, Any] = dict(_PACKED) if packed in variable.dims else {}
    if 0 in values.shape:  # netCDF-4 has no dimension of nothing but one that may grow
        how["maxshape"] = tuple(size or None for size in values.shape)
    if values.dtype.kind in "OU":
        how["dtype"], values = h5py.string_dtype(), values.astype(object)
    if "_FillValue" in said:
        said["_FillValue"] = how["fillvalue"] = values.dtype.type(said["_FillValue"])
    written = file.create_dataset(name, data=values, track_order=True, **how)
    _write_attributes(written.attrs, said)
    return written


def _write_length(file: h5py.File, dim: str, size: int) -> h5py.Dataset:
    """Write a dimension that has no coordinate."""
    shape = {"shape": (size,), "maxshape": (size or None,)}
    return file.create_dataset(dim, dtype=">f4", track_order=True, **shape)


def _write_attributes(place: h5py.AttributeManager, said: Mapping[Hashable, Any]) -> None:
    for name, value in said.items():
        # A number is an array of one, as the library of netCDF writes it.
        place[str(name)] = value if np.asarray(value).dtype.kind in "SUO" else np.atleast_1d(value)


def _dimensions(file: h5py.File, found: h5py.Dataset, names: Mapping[int, str]) -> list[str]:
    """Name the dimensions of a variable: that of a coordinate is itself."""
    if "DIMENSION_LIST" in found.attrs:
        return [file[scales[0]].name.removeprefix("/") for scales in found.attrs["DIMENSION_LIST"]]
    if found.ndim > 1:
        return [names[int(number)] for number in found.attrs[_IDS]]
    return [found.name.removeprefix("/")] * found.ndim


def _values(found: h5py.Dataset) -> Any:
    import h5py

    text = h5py.check_string_dtype(found.dtype)
    if text is None or text.length is not None:
        return found[()]
    return np.asarray(found.asstr()[()]).astype(str)


def _attributes(place: h5py.AttributeManager) -> dict[str, Any]:
    """Give what is said, one thing as itself and several texts as a list."""
    told: dict[str, Any] = {}
    for name, value in place.items():
        if name in _HIDDEN:
            continue
        found = value.tolist() if isinstance(value, np.ndarray) and value.dtype.kind == "O" else value
        told[name] = found[0] if isinstance(found, (list, np.ndarray)) and len(found) == 1 else found
    return told
