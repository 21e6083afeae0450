"""Every two of several texts at one layer: the texts stand in the place of the layers of a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.layerwise import as_stack, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import xarray as xr

    from platoscope.layerwise import LayerStack
    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.settings import Settings
    from platoscope.studies.run.items import Selection, Selections

__all__ = ["Text", "matrix", "matrix_options", "named_by_texts", "stack_of_texts", "texts_of"]


@dataclass(frozen=True)
class Text:
    """One text of the items: what a model made of it, and how long it is.

    Parameters
    ----------
    name : str
        The language.
    stack : LayerStack
        Its representations.
    tokens, characters : float
        Mean per item; tokens are NaN where no tokenizer counted them.
    """

    name: str
    stack: LayerStack
    tokens: float
    characters: float


def texts_of(
    comparison: Comparison,
    selections: Selections,
    stacks: Mapping[str, LayerStack],
    shown: Callable[[str], str],
    /,
) -> list[Text]:
    """Give the texts of a matrix: side a of its own data set first, then side b of each that is taken with it.

    `stacks` has the second sides by their data set, and the first one under the empty name; `shown` gives the label of a
    side.
    """
    own = selections.behind(comparison)
    assert own is not None, "a matrix has items"
    texts = [_text(own, "a", shown(own.pairs.a.name), stacks[""])]
    for member in comparison.members():
        assert member.items is not None
        selection = selections.of(member.items)
        name = shown(selection.pairs.b.name)
        # Files of the user's may call their second side alike.
        name = member.items.data if any(text.name == name for text in texts) else name
        texts.append(_text(selection, "b", name, stacks[member.items.data]))
    return texts


def _text(selection: Selection, side: str, name: str, stack: LayerStack) -> Text:
    items = getattr(selection.pairs, side).items
    counted = [sides[side] for sides in selection.lengths.values() if side in sides]
    return Text(
        name,
        stack,
        float(counted[0].mean()) if counted else float("nan"),
        float(np.mean([len(text) for text in items])) if isinstance(items[0], str) else float("nan"),
    )


def matrix(
    texts: Sequence[Text], position: int, settings: Settings, /, *, strata: Sequence[str] | None
) -> xr.Dataset:
    """Compare every two texts at one layer.

    Returns
    -------
    xarray.Dataset
        As of a grid, over ``direction``, ``text_a`` and ``text_b``; in the direction ``a_to_b`` it says how well the
        text of a row predicts that of a column. Coordinates ``tokens`` and ``characters`` (mean per item) stand beside
        ``text_a``.
    """
    stack = stack_of_texts(texts, position)
    grid = compare(stack, stack, options=matrix_options(settings), strata=strata, rng=settings.seed)
    return named_by_texts(grid, texts, position)


def stack_of_texts(texts: Sequence[Text], position: int, /) -> LayerStack:
    """Give the layer at a position of all texts as the layers of one stack."""
    return as_stack(_OneLayer(tuple(text.stack for text in texts), position), "the texts")


@dataclass(frozen=True, eq=False)
class _OneLayer:
    """One layer of several stacks, each read when it is asked for."""

    stacks: tuple[LayerStack, ...]
    position: int

    def __len__(self) -> int:
        return len(self.stacks)

    @property
    def layers(self) -> range:
        return range(len(self.stacks))

    def parts(self, index: int, /) -> Any:
        return self.stacks[index].parts(self.position)


def matrix_options(settings: Settings, /) -> Settings:
    """Give what a matrix is computed with: the same text must be the same rows, as a first and as a second side."""
    return replace(settings, transform=settings.transform_of("a"), measures=settings.grid_measures)


def named_by_texts(grid: xr.Dataset, texts: Sequence[Text], position: int, /) -> xr.Dataset:
    """Give the grid of a stack of texts with itself the names of the texts, in the place of layers."""
    names = [text.name for text in texts]
    return (
        grid.drop_vars([name for name in grid.coords if str(name).startswith("relative_depth")])
        .rename(layer_a="text_a", layer_b="text_b")
        .assign_coords(text_a=names, text_b=names)
        .assign_coords(
            tokens=("text_a", [text.tokens for text in texts]),
            characters=("text_a", [text.characters for text in texts]),
        )
        .assign_attrs(layer=int(texts[0].stack.layers[position]))
    )
