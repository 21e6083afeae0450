"""What a model in memory is: the hash of all that decides what it computes. Needs torch.

A model on disk is known by its files. One in memory has its weights, the settings of its modules (a LoRA's scale is one),
and code, which may be the user's own; a change of any of them makes another model.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from platoscope.hashing import digest
from platoscope.models.processors import digest_processor

__all__ = ["content_of", "hooks_of", "transform_of"]

# Whose code stands for itself: it is known by its version, and what it hooks in changes no state that it was not told to.
_LIBRARIES = frozenset({"accelerate", "peft", "sentence_transformers", "torch", "transformers"})
# What says how a model is trained, and what torch keeps of any module.
_NO_SETTINGS = frozenset({"training", "gradient_checkpointing", *vars(torch.nn.Module())})
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


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
    Every byte of the state is read. Plain attributes of modules (numbers, texts,
    lists and mappings of them) count as settings. The code of the user's own classes counts as it is written; functions
    that they call do not.
    """
    state = model.state_dict()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        tensors = dict(zip(state, pool.map(_digest_tensor, state.values()), strict=True))
    settings = {name: [_name_of(type(part)), _settings_of(part)] for name, part in model.named_modules()}
    config = getattr(model, "config", None)
    classes = sorted({type(part) for part in model.modules()}, key=_name_of)
    return digest(
        {
            "tensors": tensors,
            "settings": settings,
            "config": _described(config),
            "code": {
                _name_of(kind): _code_of(kind) for kind in classes if _library_of(kind) not in _LIBRARIES
            },
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
    if isinstance(transform, torch.nn.Module):
        return content_of(transform)
    if inspect.isfunction(transform):
        return _digest_function(transform, frozenset())
    return _shown(repr(transform), _name_of(type(transform)))


def _digest_function(function: Any, outer: frozenset[Any]) -> str | None:
    """Hash a function and the values that it reads, functions among them; `outer` are being hashed already."""
    variables = inspect.getclosurevars(function)
    around = {**variables.globals, **variables.nonlocals, **(function.__kwdefaults__ or {})}
    around |= dict(enumerate(function.__defaults__ or ()))
    said: list[Any] = []
    for name, value in around.items():
        if inspect.isfunction(value) and value not in outer:
            inner = _digest_function(value, outer | {function})
            if inner is None:
                return None
            said.append([name, inner])
        elif not inspect.ismodule(value) and not inspect.isfunction(value):
            said.append([name, repr(value)])
    return _shown(repr(said), _code_of(function))


def _shown(said: str, code: Any) -> str | None:
    """Hash what is said of a thing; None for a text with an address in it, as objects have that say nothing."""
    return None if " at 0x" in said else digest([said, code])


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


def _code_of(thing: Any) -> Any:
    """Give the source of a class or function, or where it has none (typed at a prompt) what it was compiled to."""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        parts = {"": thing} if inspect.isfunction(thing) else vars(thing)
        functions = {name: part.__code__ for name, part in parts.items() if inspect.isfunction(part)}
        return {
            name: [code.co_code.hex(), repr(code.co_names), repr(code.co_consts)]
            for name, code in functions.items()
        }
