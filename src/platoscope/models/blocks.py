"""Find the stack of blocks of any transformer, and watch every layer while it runs.

Nothing here knows an architecture by name. A stack is the outermost `torch.nn.ModuleList` that has as
many members as the configuration has layers; its embedding output is whatever enters the first block; its
final norm is a normalization that stands beside the stack (or further out), not inside it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Blocks", "find_blocks", "watch_layers"]

_FINAL_NORM_NAMES = (
    "norm",
    "final_norm",
    "final_layernorm",
    "final_layer_norm",
    "post_layernorm",
    "layernorm",
    "ln_f",
    "ln_post",
)


@dataclass(frozen=True)
class Blocks:
    """The blocks of a model in order, and the norm that follows the last one (None if there is none)."""

    modules: tuple[nn.Module, ...]
    final_norm: nn.Module | None


def find_blocks(model: nn.Module, n_blocks: int, /) -> Blocks:
    """Find the one stack of `n_blocks` blocks in `model`.

    Parameters
    ----------
    model : torch.nn.Module
        A base model, without a head.
    n_blocks : int
        The number of layers in its configuration.

    Returns
    -------
    Blocks
        The stack and its final norm.

    Raises
    ------
    InputError
        If there is no such stack, or several at the same depth (two towers).
    """
    stacks = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    matching = [(name, module) for name, module in stacks if len(module) == n_blocks]
    outermost = min((name.count(".") for name, _ in matching), default=0)
    found = [(name, module) for name, module in matching if name.count(".") == outermost]
    if len(found) != 1:
        seen = ", ".join(f"{name} ({len(module)})" for name, module in stacks) or "none"
        count = "no list" if not found else f"{len(found)} lists"
        msg = (
            f"Cannot tell which part of {type(model).__name__} is the stack of layers: expected one list "
            f"of {n_blocks} "
            f"blocks, found {count} (lists in the model: {seen}). For a model of several towers, name one "
            f"with tower=."
        )
        raise InputError(msg)
    name, stack = found[0]
    return Blocks(tuple(stack), _find_final_norm(model, name))


def _find_final_norm(model: nn.Module, stack_name: str) -> nn.Module | None:
    parents = stack_name.split(".")[:-1]
    for depth in range(len(parents), -1, -1):
        owner = model.get_submodule(".".join(parents[:depth]))
        for name in _FINAL_NORM_NAMES:
            norm = getattr(owner, name, None)
            if isinstance(norm, nn.Module) and not isinstance(norm, nn.Identity):
                return norm
    return None


@contextmanager
def watch_layers(
    blocks: Blocks, see: Callable[[int, torch.Tensor], None], /, *, final_norm: bool
) -> Iterator[None]:
    """Call ``see(layer, hidden_states)`` for every layer of each forward pass inside the context.

    Parameters
    ----------
    blocks : Blocks
        The stack.
    see : callable
        Gets the layer (0 for the embedding output) and its states, shape ``(n_items, n_positions,
        n_features)``; it must not keep them.
    final_norm : bool
        Whether the last layer is seen after the final norm, if there is one.
    """
    last = len(blocks.modules)

    def enter(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        see(0, args[0] if args else kwargs["hidden_states"])

    def leave(layer: int) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def hook(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            if layer == last and final_norm and blocks.final_norm is not None:
                hidden = blocks.final_norm(hidden)
            see(layer, hidden)

        return hook

    handles = [blocks.modules[0].register_forward_pre_hook(enter, with_kwargs=True)]
    handles += [block.register_forward_hook(leave(i)) for i, block in enumerate(blocks.modules, start=1)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
