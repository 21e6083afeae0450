"""Layers with names, of unequal widths: through the store, `select`, export's refusal, comparison and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import platoscope
from platoscope.errors import InputError, NotFoundError
from platoscope.representations import Representations, extract, import_representations, open_representations

torch = pytest.importorskip("torch")

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("first", "second.0", "head")


def _network() -> torch.nn.Module:
    torch.manual_seed(0)
    net = torch.nn.Sequential()
    net.add_module("first", torch.nn.Linear(8, 12))
    net.add_module("second", torch.nn.Sequential(torch.nn.Linear(12, 4), torch.nn.Tanh()))
    net.add_module("head", torch.nn.Linear(4, 6))
    return net


@pytest.fixture
def arrays() -> np.ndarray:
    """Forty items of eight features."""
    return np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)


def test_names_and_widths_live_in_the_store(arrays: np.ndarray, tmp_path: Path) -> None:
    """Each layer comes back as wide as it was, under its name, also of a part of the layers and of the items."""
    net = _network()
    found = extract(net, arrays, layers=NAMES, store=tmp_path)
    assert (found.layer_names, [layer.shape[1] for layer in found]) == (NAMES, [12, 4, 6])
    assert (found.widths, found.n_features, found[1:].n_features) == ((12, 4, 6), 12, 6)
    assert "× 40 items × 4 to 12 features" in repr(found)
    assert "× 40 items × 6 features" in repr(found[2:])
    with torch.no_grad():
        np.testing.assert_allclose(found[2], net(torch.tensor(arrays)), rtol=1e-5, atol=1e-6)
    again = open_representations(found.key, store=tmp_path)
    assert (again.layer_names, again.provenance["layer_names"]) == (NAMES, list(NAMES))
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))
    assert extract(net, arrays, layers=NAMES, store=tmp_path).key == found.key
    part = found[1:].select([3, 1])
    assert (part.layer_names, part.provenance["layer_names"]) == (NAMES[1:], list(NAMES[1:]))
    assert np.array_equal(part[0], found[1][[3, 1]])
    for whole in (found.to_xarray, lambda: found.with_pooling("last")):
        with pytest.raises((InputError, NotFoundError)):
            whole()


def test_layers_are_asked_for_by_name(arrays: np.ndarray, tmp_path: Path) -> None:
    """Of a loaded model some of its layers, whose widths are their own; an unknown name lists those that there are."""
    model = platoscope.load_model(_network(), layers=NAMES)
    part = extract(model, arrays, layers=["head", "second.0"], store=tmp_path)
    assert (part.layers, part.layer_names) == ((1, 2), NAMES[1:])
    assert [layer.shape[1] for layer in part] == [4, 6]
    with pytest.raises(NotFoundError, match=r"no layer 'tail'; its layers are called first, second\.0, head"):
        extract(model, arrays, layers=["tail"], store=tmp_path)


def test_a_trained_module_is_another_model(arrays: np.ndarray, tmp_path: Path) -> None:
    """What was stored before a step of training is not handed out after it."""
    net = _network()
    before = extract(net, arrays, layers=NAMES, store=tmp_path)
    with torch.no_grad():
        net.first.weight += 1
    after = extract(net, arrays, layers=NAMES, store=tmp_path)
    assert before.key != after.key
    assert not np.allclose(before[0], after[0])


def test_names_reach_results_tables_and_figures(arrays: np.ndarray, tmp_path: Path) -> None:
    """Coordinates of profiles and grids, columns of the table, ticks of both figures; of a dict as of a store."""
    found = extract(_network(), arrays, layers=NAMES, store=tmp_path)
    held = dict(zip(NAMES, found, strict=True))
    for given in (found, held):
        profile = platoscope.profile(given, held, n_resamples=0, n_permutations=0, rng=0)
        assert profile.layer_name_a.values.tolist() == list(NAMES)
        assert set(platoscope.to_frame(profile).layer_name_b) == set(NAMES)
    ticks = [text.get_text() for text in platoscope.plot_profile(profile).get_xticklabels()]
    assert ticks == list(NAMES)
    grid = platoscope.compare(found, held, n_resamples=0, n_permutations=0, rng=0)
    assert grid.layer_name_b.dims == ("layer_b",)
    assert [text.get_text() for text in platoscope.plot_grid(grid).get_yticklabels()] == list(NAMES)
    plain = platoscope.profile(list(found), list(found), n_resamples=0, n_permutations=0, rng=0)
    assert "layer_name_a" not in plain.coords


def test_arrays_in_a_file_keep_their_names(tmp_path: Path) -> None:
    """A dict of layers in a file is read in natural order, and each keeps its width and its name."""
    layers = {f"layer{i}": np.ones((5, i + 1), np.float32) for i in (1, 10, 2)}
    np.savez(tmp_path / "dump.npz", **layers)
    found = import_representations(tmp_path / "dump.npz")
    assert isinstance(found, Representations)
    assert found.layer_names == ("layer1", "layer2", "layer10")
    assert [layer.shape[1] for layer in found] == [2, 3, 11]
