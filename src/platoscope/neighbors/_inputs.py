"""Turn what users hand in (NumPy, torch, CuPy, JAX, lists of these) into checked arrays.

This is the only place that knows about array libraries. Everything behind it sees C-contiguous
NumPy arrays of float32 or float64. Torch tensors on a device with float64 stay there (`stays_on_device`), as
`Space.device` keeps them; of other devices the matrix product alone runs there (`gram_on_device`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import array_api_compat
import numpy as np
import numpy.typing as npt

from platoscope.checks import refuse_masks
from platoscope.errors import InputError
from platoscope.neighbors._precision import full_float32

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ArrayLike",
    "FloatArray",
    "as_matrix",
    "as_parts",
    "check_finite",
    "gram_on_device",
    "lives_on_device",
    "require_same_rows",
    "split_parts",
    "stays_on_device",
]

_WHOLE = 2**53
# Kinds of devices, as torch names them, that have float64. Apple's MPS has not. ROCm calls itself CUDA.
_WITH_FLOAT64 = ("cuda",)
ArrayLike: TypeAlias = Any
FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]


def as_parts(X: ArrayLike, name: str, /) -> tuple[FloatArray, ...]:
    """Return `X` as a tuple of matrices whose squared distances add.

    Parameters
    ----------
    X : array of shape (n_samples, n_features), or sequence of such arrays
        One representation, or the tokens of a concatenated one.
    name : str
        What the caller calls it; error messages use it.

    Returns
    -------
    tuple of ndarray
        Each C-contiguous, float32 or float64, finite, with the same number of rows.

    Raises
    ------
    InputError
        Empty input, wrong number of dimensions, complex or object dtype, masked values, integers that float64
        does not have, unequal rows, or non-finite values (the first bad row is named).
    """
    parts = tuple(as_matrix(part, of_part) for part, of_part in split_parts(X, name))
    require_same_rows(parts, name)
    return parts


def split_parts(X: ArrayLike, name: str, /) -> list[tuple[ArrayLike, str]]:
    """Return what a sequence of matrices holds, or the one that there is, and what messages call each."""
    if isinstance(X, (list, tuple)) and len(X) > 0 and getattr(X[0], "ndim", None) == 2:
        return [(part, f"{name}[{index}]") for index, part in enumerate(X)]
    return [(X, name)]


def require_same_rows(parts: Sequence[Any], name: str, /) -> None:
    """Raise an `InputError` unless all parts have the same number of rows."""
    if len({part.shape[0] for part in parts}) > 1:
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        message = f"The parts of {name} must have the same number of rows; got shapes {shapes}."
        raise InputError(message)


def as_matrix(X: ArrayLike, name: str, /) -> FloatArray:
    """Return one array of shape (n_samples, n_features) as float32 or float64 on the host."""
    refuse_masks(X, name)
    array = _to_numpy(X, name)
    if array.ndim != 2:
        message = (
            f"{name} must be a matrix of shape (n_samples, n_features); got shape {array.shape}. "
            f"{_to_matrix(X, array.ndim, name)}"
        )
        raise InputError(message)
    if array.shape[0] == 0 or array.shape[1] == 0:
        message = f"{name} is empty: got shape {array.shape}, expected at least one row and one column."
        raise InputError(message)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind in "biu":
        largest = max(abs(int(array.max())), abs(int(array.min())))
        if largest > _WHOLE:
            message = (
                f"{name} has integers up to {largest}, beyond 2**53, above which float64 does not have all of them. "
                "Subtract a common offset, or convert it to float64 if its last digits do not matter."
            )
            raise InputError(message)
        array = array.astype(np.float64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        message = (
            f"{name} must hold real numbers (any integer, boolean or float dtype of at most 64 bits); got dtype "
            f"{array.dtype}. Convert it, for example with X.astype(numpy.float64)."
        )
        raise InputError(message)
    # Not `ascontiguousarray` alone: kernels index rows, and a negative or zero stride would be copied row by row.
    return np.ascontiguousarray(array)


def _to_matrix(X: object, n_axes: int, name: str) -> str:
    """Say how something else becomes a matrix. Reshaping a stack of layers would mix their items."""
    if hasattr(X, "toarray"):
        return f"It is sparse: give {name}.toarray()."
    if n_axes > 2:
        return f"Layers are compared by platoscope.profile and platoscope.compare; one of them is {name}[i]."
    return "Reshape it so that every row describes one item."


def _to_numpy(X: ArrayLike, name: str) -> npt.NDArray[Any]:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        tensor = X.detach()
        if tensor.is_complex():
            message = f"{name} must hold real numbers; got dtype {X.dtype}. Take its real part or its modulus first."
            raise InputError(message)
        if tensor.dtype in (torch.bfloat16, torch.float16) or "float8" in str(tensor.dtype):
            tensor = tensor.to(torch.float32)
        return np.asarray(tensor.cpu().numpy())
    if hasattr(X, "get") and type(X).__module__.partition(".")[0] == "cupy":
        return np.asarray(X.get())
    if getattr(getattr(X, "dtype", None), "name", "") == "bfloat16":  # JAX, through ml_dtypes
        return np.asarray(X).astype(np.float32)
    if isinstance(X, (str, bytes)) or X is None:
        message = f"{name} must be an array of shape (n_samples, n_features); got {type(X).__name__}."
        raise InputError(message)
    try:
        return np.asarray(X)
    except (TypeError, ValueError) as error:
        message = (
            f"{name} cannot be read as an array: {error}. Give a matrix of shape (n_samples, n_features)."
        )
        raise InputError(message) from error


def check_finite(X: FloatArray, name: str, /) -> None:
    """Raise an `InputError` that names the first row of `X` with a NaN or an infinity."""
    finite = np.isfinite(X).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        message = (
            f"{name} has non-finite values in {bad.size} of {len(X)} rows; the first is row {bad[0]}. "
            "Drop those items on both sides, or find out why the model overflowed (float16 often does)."
        )
        raise InputError(message)


def lives_on_device(X: ArrayLike, /) -> bool:
    """Tell whether `X` is stored on an accelerator, so that its matrix product should run there."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        return bool(X.device.type != "cpu")
    if type(X).__module__.partition(".")[0] == "cupy":
        return True
    devices = getattr(X, "devices", None)  # JAX
    return bool(callable(devices) and any(device.platform != "cpu" for device in devices()))


def stays_on_device(X: ArrayLike, /) -> bool:
    """Tell whether `X` is a matrix, or a concatenation of such, of torch floats on one device that has float64."""
    torch = sys.modules.get("torch")
    parts = list(X) if isinstance(X, (list, tuple)) else [X]
    if torch is None or not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        return False
    return (
        all(part.is_floating_point() and part.ndim == 2 and part.numel() > 0 for part in parts)
        and all(part.layout == torch.strided for part in parts)
        and len({part.device for part in parts}) == 1
        and parts[0].device.type in _WITH_FLOAT64
    )


def gram_on_device(like: ArrayLike, centered: Sequence[FloatArray], /) -> FloatArray:
    """Return ``sum(Z @ Z.T for Z in centered)``, computed where `like` lives, as float32 on the host.

    The product is taken in full float32, whatever the user chose for their own (`full_float32`).
    """
    xp = array_api_compat.array_namespace(like)
    device = array_api_compat.device(like)
    total = None
    with full_float32(device.type if hasattr(device, "type") else "cpu"):
        for matrix in centered:
            Z = xp.asarray(matrix, device=device)
            product = Z @ Z.T
            total = product if total is None else total + product
    return np.ascontiguousarray(_to_numpy(total, "the product"))
