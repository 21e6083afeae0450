"""Several results of the same layers as one, along a dimension of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

__all__ = ["join_results"]


def join_results(results: Sequence[xr.Dataset], dim: str, values: Sequence[object], /) -> xr.Dataset:
    """Return results under one, with a dimension in front whose coordinate has `values`; attributes are the first's."""
    import pandas as pd
    import xarray as xr

    index = pd.Index(list(values), name=dim)
    return xr.concat(
        results,
        index,
        data_vars="all",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
