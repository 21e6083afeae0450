"""Whatever holds layers becomes one type at the entry of a comparison."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.layerwise import LayerStack, as_stack, count_items, with_ids
from platoscope.neighbors import prepare
from platoscope.representations import Representations

LAYERS = np.random.default_rng(0).standard_normal((3, 40, 6))
OTHER = LAYERS[:2] + np.random.default_rng(1).standard_normal((2, 40, 6))
IDS = [f"item {i}" for i in range(40)]


class OwnStack:
    """All that a stack must have, and no more."""

    layers = (0, 1, 2)
    relative_depth = np.array([0.0, 0.5, 1.0])
    ids = None
    provenance: dict[str, Any] = {"from": "a test"}  # noqa: RUF012

    def parts(self, index: int) -> Any:
        """Read a layer."""
        return [LAYERS[index]]

    def select(self, items: Any) -> LayerStack:
        """Keep some items."""
        return as_stack(LAYERS[:, items])


class Readers:
    """Layers that are read one at a time under their labels, with nothing else."""

    layers = (0, 1, 2)

    def __len__(self) -> int:
        return 3

    def parts(self, index: int) -> Any:
        """Read a layer."""
        return [LAYERS[index][:, :2], LAYERS[index][:, 2:]]


def torch_layers():
    return pytest.importorskip("torch").from_numpy(LAYERS)


def frames():
    pandas = pytest.importorskip("pandas")
    return [pandas.DataFrame(layer) for layer in LAYERS]


KINDS = {
    "array": lambda: LAYERS,
    "torch": torch_layers,
    "list of arrays": lambda: list(LAYERS),
    "tuple of arrays": lambda: tuple(LAYERS),
    "lists of numbers": lambda: LAYERS.tolist(),
    "tables": frames,
    "concatenations": lambda: [[layer[:, :2], layer[:, 2:]] for layer in LAYERS],
    "spaces": lambda: [prepare(layer) for layer in LAYERS],
    "representations": lambda: Representations.from_arrays(LAYERS, ids=IDS),
    "a labeled array": lambda: Representations.from_arrays(LAYERS, ids=IDS).to_xarray(),
    "readers": Readers,
    "own": OwnStack,
    "a stack": lambda: as_stack(LAYERS),
}


@pytest.mark.parametrize("n_samples", [None, 30])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_stack_gives_the_same_result(kind, n_samples):
    """However the layers are handed in, on all items or on some, the result is that of the array."""
    options = {"measures": ["information_imbalance", "cka_debiased"], "n_resamples": 0, "rng": 0}
    want = platoscope.compare(LAYERS, OTHER, n_samples=n_samples, **options)
    got = platoscope.compare(KINDS[kind](), OTHER, n_samples=n_samples, **options)
    # Representations are float32, in which Δ of these rows is the same.
    np.testing.assert_allclose(got.information_imbalance, want.information_imbalance, atol=1e-12)
    np.testing.assert_allclose(got.cka_debiased, want.cka_debiased, atol=1e-6)
    assert got.layer_a.values.tolist() == [0, 1, 2]
    assert got.relative_depth_a.values.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_one_type(kind):
    """Behind the adapter there is a `LayerStack`, and making one of it again changes nothing."""
    stack = as_stack(KINDS[kind]())
    assert isinstance(stack, LayerStack)
    assert as_stack(stack) is stack
    assert count_items(stack) == 40
    assert count_items(stack.select(np.arange(5))) == 5


def test_labels_come_with_the_layers():
    """Labels, depths, ids and provenance of representations stand in the stack and in the result."""
    made = Representations.from_arrays(LAYERS, ids=IDS, layers=[1, 4, 8], depth=8, provenance={"model": "m"})
    result = platoscope.profile(made, LAYERS, measures=["rsa"], n_resamples=0, match="relative_depth")
    assert result.layer_a.values.tolist() == [1, 4, 8]
    assert '"model": "m"' in result.provenance
    labeled = platoscope.profile(made.to_xarray(), LAYERS, measures=["rsa"], n_resamples=0)
    assert labeled.layer_a.values.tolist() == [1, 4, 8]
    assert labeled.relative_depth_a.values.tolist() == [0.125, 0.5, 1.0]


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (True, True, "after"),
        (False, False, "before"),
        (True, False, "A: after; B: before"),
        (None, False, "A: –; B: before"),
        (None, None, ""),
    ],
)
def test_a_result_says_on_which_side_of_the_norm_the_last_layer_stands(a, b, said):
    """Models that read differ in it; arrays have none."""
    sides = [
        Representations.from_arrays(
            LAYERS, ids=IDS, provenance={} if after is None else {"model": {"final_norm": after}}
        )
        for after in (a, b)
    ]
    for result in (
        platoscope.profile(*sides, measures=["rsa"], n_resamples=0),
        platoscope.compare(*sides, measures=["rsa"], n_resamples=0),
        platoscope.layerwise.compare_spaces(*sides, measures=["rsa"], n_resamples=0),
    ):
        assert result.last_layer == said


def test_a_stack_of_one_layer_lies_at_depth_one():
    """A single layer in a list is the last one, as a model's output is."""
    assert as_stack([LAYERS[0]]).relative_depth.tolist() == [1.0]


def test_selected_rows_keep_their_order_and_names():
    """Selecting takes rows of every layer, of spaces and concatenations too, and of the ids."""
    items = np.array([7, 3, 5])
    given = as_stack([LAYERS[0], [LAYERS[1], LAYERS[2]], prepare(LAYERS[2])])
    stack = with_ids(given, IDS).select(items)
    assert stack.ids == ("item 7", "item 3", "item 5")
    np.testing.assert_array_equal(stack.parts(0)[0], LAYERS[0][items])
    np.testing.assert_array_equal(stack.parts(1)[1], LAYERS[2][items])
    np.testing.assert_array_equal(stack.parts(2).rows(), LAYERS[2][items])


def test_other_ids_are_refused():
    """Two stacks that name different items do not compare; the first difference is named."""
    names = [*IDS[:4], "another", *IDS[5:]]
    with pytest.raises(InputError, match="row 4 is 'item 4' in A and 'another' in B"):
        platoscope.compare(with_ids(as_stack(LAYERS), IDS), with_ids(as_stack(OTHER), names))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (LAYERS[0], r"A must be a stack of layers: .* got an array of shape \(40, 6\). Wrap a single layer"),
        (object(), "got object"),
        ([], "got list"),
        ("layers.npy", r"got str\. platoscope\.representations\.import_representations reads a file"),
        ((layer for layer in LAYERS), "got generator"),
        (prepare(LAYERS[0]), "got Space"),
        ([LAYERS[0][0]], r"layer 0 of A must be a matrix .* got shape \(6,\)"),
        ([3.0], r"layer 0 of A must be a matrix .* got shape \(\)"),
        ([[[1.0, 2.0], [3.0]]], "layer 0 of A cannot be read as an array"),
        ([LAYERS], r"layer 0 of A must be a matrix .* got shape \(3, 40, 6\)"),
    ],
)
def test_what_is_no_stack_is_named(given, said):
    """The message says what was expected, what came, and which layer of which side it was."""
    with pytest.raises(InputError, match=said):
        platoscope.compare(given, LAYERS)


def changed_stack(**members):
    stack = OwnStack()
    for name, value in members.items():
        setattr(stack, name, value)
    return stack


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"layers": ()}, r"A\.layers must hold at least one label"),
        ({"layers": (0, 0, 1)}, r"A\.layers must hold .* each once"),
        (
            {"relative_depth": np.array([0.0, 1.0])},
            r"A\.relative_depth must hold a finite number for each of its 3",
        ),
        ({"relative_depth": np.array([0.0, np.nan, 1.0])}, r"A\.relative_depth must hold a finite number"),
        ({"relative_depth": None}, r"A\.relative_depth must hold a finite number"),
        ({"relative_depth": ["first", "middle", "last"]}, r"A\.relative_depth must hold a finite number"),
        ({"provenance": None}, r"A\.provenance must be a mapping"),
        ({"ids": ("a", "b")}, "layer 0 of A has 40 rows, but A has 2 ids"),
        ({"parts": lambda i: None}, "layer 0 of A must be a list of matrices"),
        ({"parts": lambda i: []}, "layer 0 of A must be a list of matrices"),
        ({"parts": lambda i: LAYERS[i]}, "layer 0 of A must be a list of matrices"),
        (
            {"parts": lambda i: [LAYERS[i][: 40 - i]]},
            "layer 1 of A has 39 rows, but A has 40 rows in its first",
        ),
    ],
)
@pytest.mark.parametrize("n_samples", [None, 20])
def test_a_stack_that_does_not_fit_together_is_refused(members, message, n_samples):
    """Before it was read as if it did, or ended in the middle of NumPy."""
    with pytest.raises(InputError, match=message):
        platoscope.profile(changed_stack(**members), LAYERS, n_resamples=0, n_samples=n_samples, rng=0)


def test_layers_of_unequal_items_are_never_compared():
    """Row i of every layer is one item: a subset drawn from the first would take other items of the second."""
    twice = [LAYERS[0], np.concatenate([LAYERS[1], LAYERS[1]])]
    for n_samples in (None, 20):
        with pytest.raises(InputError, match="layer 1 of B has 80 rows, but B has 40"):
            platoscope.compare(LAYERS, twice, measures=["rsa"], n_samples=n_samples, n_resamples=0, rng=0)


def test_where_the_items_might_come_first_is_asked() -> None:
    """More layers than items are an error that has both ways out; names of dimensions decide, and a list is layers."""
    items_first = LAYERS.swapaxes(0, 1)
    for take in (as_stack, Representations.from_arrays):
        with pytest.raises(
            InputError, match=r"of shape \(40, 3, 6\), would be 40 layers of 3 items\. Pass .*swapaxes"
        ):
            take(items_first)
        assert len(take(list(items_first)).layers) == 40
    named = Representations.from_arrays(LAYERS).to_xarray()
    with pytest.raises(
        InputError, match=r"dimensions item, layer, feature; pass X\.transpose\('layer', \.\.\.\)"
    ):
        as_stack(named.transpose("item", "layer", "feature"))
    assert len(as_stack(named[:, :2]).layers) == 3


def test_layers_in_the_order_of_letters_are_told() -> None:
    """Sorted paths give layer10 before layer2; any other order is one that somebody chose."""
    layers = np.random.default_rng(0).standard_normal((3, 20, 4))
    with pytest.warns(
        PlatoscopeWarning, match="layers of X are taken.*layer1, layer10, layer2.*layer1, layer2, layer10"
    ):
        stack = as_stack(dict(zip(["layer1", "layer10", "layer2"], layers, strict=True)))
    assert np.array_equal(stack.parts(1)[0], layers[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for names in (["layer1", "layer2", "layer10"], ["layer10", "layer2", "layer1"], ["a", "b", "c"]):
            as_stack(dict(zip(names, layers, strict=True)))
