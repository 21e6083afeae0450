"""How the states of a model's layers lie, found by running it beside the library's own ``hidden_states``.

One short item goes through the library once, with everything watched: what enters and leaves each block, and what
comes after the last one. Whatever equals the library's states is how they are read. Where that is not found the
model is refused, with what was seen, so that no list of names decides what is read right.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.func import functional_call

from platoscope.errors import InputError, PlatoscopeError
from platoscope.models.blocks import Blocks, entering_state, leaving_state, watch_blocks
from platoscope.models.forward import enough_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Convention", "convene", "expected_states", "foresee", "library_states", "observe", "unreadable"]


@dataclass(frozen=True)
class Convention:
    """How a model's layers are read, as plain values that can be kept.

    Attributes
    ----------
    final_norm : str or None
        Name of the norm that the last block's output enters.
    library_norms : bool
        Whether the library's last state is after it.
    entering : tuple of int
        Layers that are read as what enters the next block.
    positions_first : bool
        Whether positions are the first axis inside the model.
    without_embeddings : bool
        Whether the library returns no embeddings, but the outputs of all blocks and then the normed last one, so that
        its place i is our layer i + 1.
    """

    final_norm: str | None
    library_norms: bool
    entering: tuple[int, ...] = ()
    positions_first: bool = False
    without_embeddings: bool = False


@dataclass
class _Trace:
    """What was seen in one forward pass."""

    entered: list[Any] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    norms: list[tuple[str, Any, Any]] = field(default_factory=list)


def convene(model: nn.Module, blocks: Blocks, convention: Convention, /) -> Blocks:
    """Give the blocks with what is known of reading them."""
    norm = convention.final_norm
    return replace(
        blocks,
        final_norm=None if norm is None else model.get_submodule(norm),
        library_norms=convention.library_norms,
        entering=frozenset(convention.entering),
        positions_first=convention.positions_first,
        without_embeddings=convention.without_embeddings,
    )


def library_states(run: Callable[[], Any], model: nn.Module, /) -> tuple[torch.Tensor, ...]:
    """Run the library's forward pass and give its hidden states.

    Parameters
    ----------
    run : callable
        Runs `model` with ``output_hidden_states=True``.
    model : Module
        To name it.

    Raises
    ------
    InputError
        If it does not run on the item alone, or gives no states.
    """
    with torch.no_grad():
        try:
            with enough_memory("reading one item"):
                output = run()
        except PlatoscopeError:
            raise
        except Exception as error:  # whatever an architecture raises that asks for more than one item
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise unreadable(model, f"it does not run on one item alone ({lines[0].rstrip('.')})") from error
    states = getattr(output, "hidden_states", None)
    if not states or not all(isinstance(state, torch.Tensor) for state in states):
        raise unreadable(model, "the library returns no hidden states for it, which would prove the layers")
    return tuple(states)


def observe(run: Callable[[], Any], model: nn.Module, blocks: Blocks, /) -> Convention:
    """Find how the layers of a model are read, from one forward pass of the library.

    Parameters
    ----------
    run : callable
        Runs `model` on one item with ``output_hidden_states=True``.
    model : Module
        The base model.
    blocks : Blocks
        Its stack.

    Returns
    -------
    Convention

    Raises
    ------
    InputError
        If the library's states are not those that the blocks pass on.
    """
    trace = _Trace()
    with _watched(model, blocks, trace):
        states = library_states(run, model)
    _require_stack(model, blocks, trace, states)
    last = states[-1]
    positions_first = _lies_positions_first(trace, last)

    def ours(state: Any) -> torch.Tensor:
        turned = state.transpose(0, 1) if positions_first else state
        cropped: torch.Tensor = turned[:, : last.shape[1]]  # some fill items up inside, behind their end
        return cropped

    entered, left = [ours(state) for state in trace.entered], [ours(state) for state in trace.left]
    after = next(((name, made) for name, given, made in trace.norms if _holds(trace.left[-1], given)), None)
    norm = None if after is None else after[0]
    library_norms = after is not None and after[1].ndim == last.ndim and _equal(last, ours(after[1]))
    if not library_norms and not _equal(last, left[-1]):
        reason = "the library's last state is neither what the last block gives nor that after a norm"
        raise unreadable(model, reason)
    without = library_norms and all(map(_equal, states[:-1], left[:-1]))
    entering = () if without else _entering(model, states, entered, left)
    return Convention(norm, library_norms, entering, positions_first, without)


def expected_states(convention: Convention, states: tuple[torch.Tensor, ...], /) -> dict[int, torch.Tensor]:
    """Give the library's state of each layer that it has, by our number of the layer."""
    if not convention.without_embeddings:
        return dict(enumerate(states))
    inner = {i + 1: state for i, state in enumerate(states[:-2])}
    return inner | {len(states) - 1: states[-1]}


def foresee(model: nn.Module, blocks: Blocks, inputs: Mapping[str, Any], /) -> Convention | None:
    """Find how the layers of a model without weights will be read.

    The library runs with made-up weights that take no memory, and with blocks that add noise to their input and do
    nothing else: which norm follows them, and on which side of it the library ends, needs no more.

    Parameters
    ----------
    model : Module
        On the meta device.
    blocks : Blocks
        Its stack.
    inputs : mapping
        Of one item, on the CPU.

    Returns
    -------
    Convention or None
        None if it cannot be told without weights.
    """
    generator = torch.Generator().manual_seed(0)
    inside = {id(part) for block in blocks.modules for part in block.parameters()}
    tensors = {
        name: _made_up(tensor, generator)
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
        if id(tensor) not in inside
    }

    def run() -> Any:
        return functional_call(model, tensors, kwargs={**inputs, "output_hidden_states": True})

    found = []
    for rest in _RETURNED_BESIDE:
        with _noise_for(blocks, rest, generator):
            try:
                found.append(observe(run, model, blocks))
            except InputError:
                continue
    return found[0] if found and all(one == found[0] for one in found) else None


# What blocks return beside a state, as far as the code around them looks: nothing, and no tuple at all; or a tuple
# from which it takes the first, or unpacks.
_RETURNED_BESIDE: tuple[tuple[None, ...] | None, ...] = (None, (), (None,), (None,) * 8)


def _made_up(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Give a tensor of the shape asked for that holds one row in memory."""
    if not tensor.is_floating_point():
        return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
    row = torch.randn(tensor.shape[-1:], generator=generator).to(tensor.dtype)
    return row.expand(tensor.shape)


@contextmanager
def _noise_for(blocks: Blocks, rest: tuple[None, ...] | None, generator: torch.Generator) -> Iterator[None]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        state = entering_state(args, kwargs)
        noisy = state + torch.randn(state.shape, generator=generator).to(state.dtype)
        return noisy if rest is None else (noisy, *rest)

    modules = dict.fromkeys(blocks.modules)
    for module in modules:
        module.forward = forward
    try:
        yield
    finally:
        for module in modules:
            del module.forward


@contextmanager
def _watched(model: nn.Module, blocks: Blocks, trace: _Trace) -> Iterator[None]:
    inside = {part for block in blocks.modules for part in block.modules()}

    def norm_hook(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            if len(trace.left) == blocks.n_blocks:
                trace.norms.append((name, entering_state(args, kwargs), leaving_state(output)))

        return hook

    handles = [
        module.register_forward_hook(norm_hook(name), with_kwargs=True)
        for name, module in model.named_modules()
        if module not in inside and _is_norm(module)
    ]
    try:
        with watch_blocks(
            blocks.modules,
            enter=lambda _, state: trace.entered.append(state),
            leave=lambda _, state: trace.left.append(state),
        ):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _is_norm(module: nn.Module) -> bool:
    """Tell whether a module can be a norm: it has no parts, and scales features one by one or is called so."""
    if any(True for _ in module.children()):
        return False
    scales = [parameter.ndim == 1 for parameter in module.parameters()]
    return all(scales) and (bool(scales) or "norm" in type(module).__name__.lower())


def _require_stack(model: nn.Module, blocks: Blocks, trace: _Trace, states: tuple[torch.Tensor, ...]) -> None:
    if len(trace.left) != blocks.n_blocks:
        reason = (
            f"{len(trace.left)} of its blocks run in one pass, where its configuration has {blocks.n_blocks}"
        )
        raise unreadable(model, reason)
    if len(states) != blocks.n_blocks + 1:
        reason = f"the library returns {len(states)} states for {blocks.n_blocks} blocks, expected one more than blocks"
        raise unreadable(model, reason)
    width = states[-1].shape[-1]
    for state in (*trace.entered, *trace.left, *states):
        if not isinstance(state, torch.Tensor) or state.ndim != 3 or state.shape[2] != width:
            seen = tuple(state.shape) if isinstance(state, torch.Tensor) else type(state).__name__
            reason = (
                f"its blocks do not pass on one vector of {width} features per token (seen: {seen}); models of stages "
                f"or of several streams are not read"
            )
            raise unreadable(model, reason)


def _lies_positions_first(trace: _Trace, state: torch.Tensor) -> bool:
    n_items, n_positions = state.shape[:2]
    return n_items != n_positions and bool(trace.entered[0].shape[:2] == (n_positions, n_items))


def _entering(
    model: nn.Module,
    states: tuple[torch.Tensor, ...],
    entered: list[torch.Tensor],
    left: list[torch.Tensor],
) -> tuple[int, ...]:
    """Find the layers that the library takes before the next block; refuse where it takes neither side."""
    if not _equal(states[0], entered[0]):
        raise unreadable(model, "the library's first state is not what enters the first block")
    found = []
    for layer in range(1, len(left)):
        if _equal(states[layer], left[layer - 1]):
            continue
        if not _equal(states[layer], entered[layer]):
            reason = (
                f"the library's state {layer} is neither what block {layer} gives nor what the next one takes"
            )
            raise unreadable(model, reason)
        found.append(layer)
    return tuple(found)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a.to(b.device), b, rtol=0, atol=0, equal_nan=True)


def _holds(state: torch.Tensor, given: Any) -> bool:
    """Tell whether a norm was given the state, or its first position alone (a class token)."""
    return isinstance(given, torch.Tensor) and (_equal(given, state) or _equal(given, state[:, 0]))


def unreadable(model: nn.Module, reason: str, /) -> InputError:
    """Say why the layers of a model cannot be read, and what to do."""
    msg = (
        f"Cannot read the layers of {type(model).__name__}: {reason}. Choose another model (docs/models.md lists the "
        f"architectures that are read), or read it yourself and bring the states with `import_representations`."
    )
    return InputError(msg)
