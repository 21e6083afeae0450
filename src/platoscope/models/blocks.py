"""Find the stack of blocks of any transformer, and watch every layer while it runs.

Nothing here knows an architecture by name. A stack is the outermost `torch.nn.ModuleList` that has as
many members as the configuration has layers, or as many as divide that number (ALBERT runs the same block again
and again). What its layers are, and which norm follows, is found by running it: `platoscope.models.conventions`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["Blocks", "entering_state", "find_blocks", "leaving_state", "watch_blocks", "watch_layers"]


@dataclass(frozen=True)
class Blocks:
    """The blocks of a model, and how the states of its layers are read from them.

    Attributes
    ----------
    modules : tuple of Module
        The blocks in order, each once.
    n_blocks : int
        How many of them run in one pass; more than there are where they run again.
    final_norm : Module or None
        The norm that follows the last block, if there is one.
    library_norms : bool
        Whether the last of the library's own hidden states is after that norm.
    entering : frozenset of int
        Layers whose state is what enters the next block, because something else follows their own.
    positions_first : bool
        Whether states lie as ``(n_positions, n_items, n_features)``.
    without_embeddings : bool
        Whether the library returns no embeddings, so that its state i is layer i + 1 here.
    """

    modules: tuple[nn.Module, ...]
    n_blocks: int
    final_norm: nn.Module | None = None
    library_norms: bool = False
    entering: frozenset[int] = frozenset()
    positions_first: bool = False
    without_embeddings: bool = False


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
        The stack; how its states are read is not known yet.

    Raises
    ------
    InputError
        If there is no such stack, or several at the same depth (two towers).
    """
    stacks = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    found = _outermost([stack for stack in stacks if len(stack[1]) == n_blocks])
    if not found:
        found = [stack for stack in _outermost(stacks) if len(stack) and n_blocks % len(stack) == 0]
    if len(found) != 1:
        seen = ", ".join(f"{name} ({len(module)})" for name, module in stacks) or "none"
        count = "no list" if not found else f"{len(found)} lists"
        msg = (
            f"Cannot tell which part of {type(model).__name__} is the stack of layers: expected one list "
            f"of {n_blocks} blocks, found {count} (lists in the model: {seen}). Of a model of several towers, name one "
            f"with tower=; of another, its modules: load_model(model, processor, layers=[…])."
        )
        raise InputError(msg)
    return Blocks(tuple(found[0]), n_blocks)


def _outermost(stacks: list[tuple[str, nn.ModuleList]]) -> list[nn.ModuleList]:
    depth = min((name.count(".") for name, _ in stacks), default=0)
    return [module for name, module in stacks if name.count(".") == depth]


def entering_state(args: tuple[Any, ...], kwargs: Mapping[str, Any], /) -> Any:
    """Give the state among the arguments of a module: the first one, or that which is called so."""
    return args[0] if args else kwargs.get("hidden_states")


def leaving_state(output: Any, /) -> Any:
    """Give the state in what a block returns, alone or before other things."""
    return output[0] if isinstance(output, (tuple, list)) else output


@contextmanager
def watch_blocks(
    modules: tuple[nn.Module, ...],
    /,
    *,
    enter: Callable[[int, Any], None],
    leave: Callable[[int, Any], None],
) -> Iterator[None]:
    """Call ``enter(i, state)`` and ``leave(i, state)`` around the i-th block that runs inside the context.

    Parameters
    ----------
    modules : tuple of Module
        The blocks; one that runs again counts again.
    enter, leave : callable
        Get the number of the run, from 0, and the state.
    """
    n_entered = n_left = 0

    def before(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal n_entered
        n_entered += 1
        enter(n_entered - 1, entering_state(args, kwargs))

    def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        nonlocal n_left
        n_left += 1
        leave(n_left - 1, leaving_state(output))

    handles = [module.register_forward_pre_hook(before, with_kwargs=True) for module in modules]
    handles += [module.register_forward_hook(after) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def watch_layers(
    blocks: Blocks, see: Callable[[int, torch.Tensor, bool], None], /, *, final_norm: Collection[bool]
) -> Iterator[None]:
    """Call ``see(layer, hidden_states, normed)`` for every layer of one forward pass inside the context.

    Parameters
    ----------
    blocks : Blocks
        The stack.
    see : callable
        Gets the layer (0 for the embedding output) and its states, shape ``(n_items, n_positions,
        n_features)``, and whether they are the last layer's after the final norm; it must not keep them.
    final_norm : collection of bool
        The sides of the final norm on which the last layer is seen: ``{True, False}`` for both. Without a final norm
        there is one side, and ``normed`` is False.
    """
    last = blocks.n_blocks

    def tell(layer: int, hidden: torch.Tensor, *, normed: bool = False) -> None:
        see(layer, hidden.transpose(0, 1) if blocks.positions_first else hidden, normed)

    def enter(i: int, hidden: torch.Tensor) -> None:
        if i == 0 or i in blocks.entering:
            tell(i, hidden)

    def leave(i: int, hidden: torch.Tensor) -> None:
        norm = blocks.final_norm if i + 1 == last else None
        if i + 1 not in blocks.entering and (norm is None or False in final_norm):
            tell(i + 1, hidden)
        if norm is not None and True in final_norm:
            tell(last, norm(hidden), normed=True)

    with watch_blocks(blocks.modules, enter=enter, leave=leave):
        yield
