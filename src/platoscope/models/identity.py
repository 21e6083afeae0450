"""What a model in memory is: the hash of all that decides what it computes. Needs torch.

A model on disk is known by its files. One in memory has its weights, the settings of its modules (a LoRA's scale is one),
and code, which may be the user's own; a change of any of them makes another model. Code is known by what it was compiled
to, since its file may have been edited after it was loaded, and by the values around it that it reads.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

from platoscope.datasets.pairs import digest_array
from platoscope.hashing import digest
from platoscope.models.processors import digest_processor

__all__ = ["content_of", "hooks_of", "transform_of"]

# Whose code stands for itself: it is known by its version, and what it hooks in changes no state that it was not told to.
_LIBRARIES = frozenset({"accelerate", "peft", "sentence_transformers", "torch", "transformers"})
# What says how a model is trained, and what torch keeps of any module.
_NO_SETTINGS = frozenset(
    {"training", "gradient_checkpointing", "_gradient_checkpointing_func", *vars(torch.nn.Module())}
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
# What is made to decide numbers, and shows what it is.
_DECIDES = (
    torch.Tensor,
    torch.nn.Module,
    np.ndarray,
    FunctionType,
    BuiltinFunctionType,
    functools.partial,
)
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def content_of(model: torch.nn.Module, /) -> str:
    """Hash weights, settings and code of a module, wherever they lie.

    Parameters
    ----------
    model : torch.nn.Module
        With its weights.

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Notes
    -----
    Every byte of the state is read. Plain attributes of modules (numbers, texts, lists and mappings of them) count as
    settings; so do arrays, tensors, functions and modules in an attribute, unless the class is of transformers or the like.
    The code of the user's own classes counts, with the values that it reads from around it and the functions that it calls.
    Other objects count as far as their text says what they are.
    """
    return _content_of(model, _Description())


def _content_of(model: torch.nn.Module, description: _Description) -> str:
    state = model.state_dict()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        tensors = dict(zip(state, pool.map(_digest_tensor, state.values()), strict=True))
    settings = {name: [_name_of(type(part)), _settings_of(part)] for name, part in model.named_modules()}
    held = {name: _held_by(part, description) for name, part in model.named_modules()}
    kinds = {kind for part in model.modules() for kind in type(part).__mro__ if _is_own(kind)}
    return digest(
        {
            "tensors": tensors,
            "settings": settings,
            "held": {name: found for name, found in held.items() if found},
            "config": _described(getattr(model, "config", None)),
            "code": [description.of(kind) for kind in sorted(kinds, key=_name_of)],
        }
    )


def hooks_of(model: torch.nn.Module, /) -> list[str]:
    """Name the hooks that run in a module, and the forward passes put in place of a class's own."""
    found = []
    for name, part in model.named_modules():
        where = name or "the model"
        hooks = [hook for kind in _HOOKS for hook in getattr(part, kind).values()]
        hooks += [vars(part)["forward"]] if "forward" in vars(part) else []
        found += [
            f"{getattr(hook, '__qualname__', type(hook).__name__)} in {where}"
            for hook in hooks
            if _library_of(hook) not in _LIBRARIES
        ]
    return found


def transform_of(transform: Any, /) -> str | None:
    """Hash what prepares images; None where it does not show what it is.

    Parameters
    ----------
    transform : callable or None
        An image processor of transformers, a module, a function, or an object whose text says what it does.
    """
    if transform is None or hasattr(transform, "to_dict"):
        return digest_processor(transform) if transform is not None else "none"
    description = _Description()
    said = description.of(transform)
    return None if description.hides else digest([_name_of(type(transform)), said])


class _Description:
    """Says what values are, so that equal ones say the same; what was said before is named by its number.

    Attributes
    ----------
    hides : bool
        Whether one of them did not show what it is.
    """

    def __init__(self) -> None:
        self.hides = False
        self._said: dict[int, tuple[int, Any]] = {}  # by place, which the value keeps

    def of(self, value: Any) -> Any:
        """Say what a value is."""
        if _is_plain(value):
            return value
        if id(value) in self._said:
            return f"number {self._said[id(value)][0]}"
        self._said[id(value)] = (len(self._said), value)
        return [_name_of(type(value)), self._of(value)]

    @functools.singledispatchmethod
    def _of(self, value: Any) -> Any:
        try:
            said = repr(value)
        except Exception:  # of a class of anybody's
            said = ""
        if not said or " at 0x" in said or "..." in said:  # an address, or a part left out
            self.hides = True
            return None
        return said

    @_of.register
    def _(self, value: torch.nn.Module) -> Any:
        return _content_of(value, self)

    @_of.register(torch.Tensor)
    @_of.register(np.ndarray)
    def _(self, value: Any) -> Any:
        try:
            return digest_array(value).hex()
        except (TypeError, RuntimeError, NotImplementedError):  # objects, or a tensor without plain values
            self.hides = True
            return None

    @_of.register(list)
    @_of.register(tuple)
    def _(self, value: Any) -> Any:
        return [self.of(one) for one in value]

    @_of.register(set)
    @_of.register(frozenset)
    def _(self, value: Any) -> Any:
        return sorted(digest(self.of(one)) for one in value)

    @_of.register
    def _(self, value: dict) -> Any:  # type: ignore[type-arg]
        return [[self.of(name), self.of(one)] for name, one in value.items()]

    @_of.register
    def _(self, value: functools.partial) -> Any:  # type: ignore[type-arg]
        return [self.of(part) for part in (value.func, value.args, value.keywords)]

    @_of.register
    def _(self, value: FunctionType) -> Any:
        if _library_of(value) in _LIBRARIES:
            return f"{value.__module__}.{value.__qualname__}"
        code = value.__code__
        inner = {"wrapped": value.__wrapped__} if hasattr(value, "__wrapped__") else {}
        read = inner if code.co_filename.startswith(_INSTALLED) else inner | _read_around(value)
        return [_compiled(code), [[name, self.of(one)] for name, one in sorted(read.items())]]

    @_of.register
    def _(self, value: type) -> Any:
        if not _is_own(value):
            return _name_of(value)
        members = {name: _function_of(member) for name, member in vars(value).items()}
        said = [
            [name, self.of(member)]
            for name, member in members.items()
            if _counts(member) or (_is_plain(member) and not name.startswith("__"))
        ]
        return [_name_of(value), said]

    @_of.register(ModuleType)
    @_of.register(BuiltinFunctionType)
    def _(self, value: Any) -> Any:
        return f"{getattr(value, '__module__', '')}.{value.__name__}"


def _read_around(function: FunctionType) -> dict[str, Any]:
    """Give the values that a function reads and was not handed: defaults, and names from around it."""
    names = _names_in(function.__code__)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {
        **{name: value for name, value in function.__globals__.items() if name in names},
        **{name: cell.cell_contents for name, cell in cells if cell != CellType()},
        **{f"default {i}": value for i, value in enumerate(function.__defaults__ or ())},
        **(function.__kwdefaults__ or {}),
    }


def _names_in(code: CodeType) -> set[str]:
    """Give the names that compiled code reads, also within what it defines (a comprehension, a lambda)."""
    inner = [_names_in(one) for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*inner)


def _compiled(code: CodeType) -> list[Any]:
    """Say what code was compiled to, without where it is written."""
    values = [
        _compiled(one)
        if isinstance(one, CodeType)
        else sorted(map(repr, one))
        if isinstance(one, frozenset)
        else repr(one)
        for one in code.co_consts
    ]
    return [code.co_code.hex(), code.co_exceptiontable.hex(), list(code.co_names), values]


def _held_by(part: torch.nn.Module, description: _Description) -> dict[str, Any]:
    """Say what a module holds beside its settings and its registered weights, where that is not a library's business."""
    library = _library_of(type(part))
    if library in _LIBRARIES - {"torch"}:
        return {}
    return {
        name: description.of(value)
        for name, value in vars(part).items()
        if name not in _NO_SETTINGS and _counts(value) and not (library == "torch" and name.startswith("_"))
    }


def _counts(value: Any) -> bool:
    """Tell whether a value is of a kind that decides numbers, or holds one."""
    if isinstance(value, list | tuple):
        return any(map(_counts, value))
    if isinstance(value, dict):
        return any(map(_counts, value.values()))
    return isinstance(value, _DECIDES)


def _function_of(member: Any) -> Any:
    """Give the function of a member of a class, if it is a method of any kind or a property; else the member."""
    return getattr(member, "__func__", None) or getattr(member, "fget", None) or member


def _is_own(kind: type) -> bool:
    """Tell whether a class is the user's, or of a library that is not known by its version."""
    return _library_of(kind) not in _LIBRARIES | sys.stdlib_module_names


def _digest_tensor(tensor: Any) -> list[Any]:
    if not isinstance(tensor, torch.Tensor):
        return ["plain", repr(tensor)]
    content = tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy()
    return [str(tensor.dtype), list(tensor.shape), hashlib.sha256(content.data).hexdigest()]


def _settings_of(part: torch.nn.Module) -> dict[str, Any]:
    """Give the plain attributes of a module, but for the notes that transformers takes while a model runs."""
    notes = _library_of(type(part)) == "transformers"
    return {
        name: value
        for name, value in vars(part).items()
        if name not in _NO_SETTINGS and _is_plain(value) and not (notes and name.startswith("_"))
    }


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(one) for name, one in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def _described(config: Any) -> Any:
    """Give a configuration of transformers without what says where it lies."""
    if not hasattr(config, "to_dict"):
        return None
    gone = ("_name_or_path", "name_or_path", "dtype", "torch_dtype", "transformers_version")
    return {name: value for name, value in config.to_dict().items() if name not in gone}


def _library_of(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0]


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
