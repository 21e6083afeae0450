"""Finding the stack of layers."""

from __future__ import annotations

import pytest
from torch import nn

from platoscope.errors import InputError
from platoscope.models.blocks import find_blocks


class _Tower(nn.Module):
    def __init__(self, n_blocks: int, n_inner: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Block(n_inner) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(4)


class _Block(nn.Module):
    def __init__(self, n_inner: int) -> None:
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(n_inner))
        self.norm = nn.LayerNorm(4)


class _Outer(nn.Module):
    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def test_lists_inside_blocks_are_not_the_stack() -> None:
    """As many experts as layers do not confuse: the outermost list is the stack."""
    model = _Tower(3, 3)
    blocks = find_blocks(model, 3)
    assert blocks.modules == tuple(model.layers)


def test_the_same_blocks_may_run_again() -> None:
    """A list whose length divides the number of layers is a stack that runs several times."""
    model = _Tower(2, 1)
    blocks = find_blocks(model, 6)
    assert (blocks.modules, blocks.n_blocks) == (tuple(model.layers), 6)


def test_unknown_structures_explain_themselves() -> None:
    """No stack, or two, is an error that lists what there is."""
    with pytest.raises(
        InputError, match=r"one list of 7 blocks, found no list \(lists in the model: layers \(3\)"
    ):
        find_blocks(_Tower(3, 1), 7)
    with pytest.raises(InputError, match="found 2 lists"):
        find_blocks(_Outer(left=_Tower(3, 1), right=_Tower(3, 1)), 3)
    with pytest.raises(InputError, match="in the model: none"):
        find_blocks(nn.Linear(2, 2), 3)
