"""What others wrote can be read, and what is exported comes back as it was."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import InputError, MissingExtraError, PlatoscopeWarning, StorageError
from platoscope.filenames import natural
from platoscope.representations import (
    Representations,
    export,
    import_representations,
    to_dataset,
)

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = [".npy", ".npz", ".safetensors", ".pt", ".h5"]


@pytest.fixture
def states() -> np.ndarray:
    """Make states of 3 layers, 5 items, 4 features."""
    return np.random.default_rng(0).standard_normal((3, 5, 4), dtype=np.float32)


def _equal(a: Representations, b: Representations) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_export_and_import_give_back_everything(states: np.ndarray, tmp_path: Path, suffix: str) -> None:
    """Numbers, ids, pooling, layers and depth survive (an .npy file holds the numbers only)."""
    r = Representations.from_arrays(
        states, ids=list("vwxyz"), pooling="mean(20)", layers=[0, 4, 8], depth=8, provenance={"model": "m"}
    )
    back = import_representations(export(r, tmp_path / f"states{suffix}"))
    assert _equal(r, back)
    if suffix != ".npy":
        assert (back.ids, back.pooling, back.layers, back.depth) == (r.ids, "mean(20)", (0, 4, 8), 8)
        assert back.provenance["model"] == "m"
    assert [file.name for file in tmp_path.iterdir()] == [f"states{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tokens_survive_export(tmp_path: Path, suffix: str) -> None:
    """concat(k) goes out and comes back with its tokens apart."""
    tokens = np.random.default_rng(0).standard_normal((3, 5, 2, 4), dtype=np.float32)
    r = Representations.from_arrays(tokens, pooling="concat(2)")
    back = import_representations(export(r, tmp_path / f"states{suffix}"), pooling="concat(2)")
    assert _equal(r, back)
    assert np.array_equal(back.parts(1)[0], tokens[1, :, 0])


def test_export_to_datasets(states: np.ndarray, tmp_path: Path) -> None:
    """The data set on disk has one row per item and one column per layer."""
    from datasets import load_from_disk

    r = Representations.from_arrays(states, ids=list("vwxyz"), layers=[0, 4, 8])
    export(r, tmp_path / "set", format="datasets")
    loaded = load_from_disk(str(tmp_path / "set")).with_format("numpy")
    assert loaded.column_names == ["id", "layer_0", "layer_4", "layer_8"]
    assert loaded["id"][:].tolist() == list("vwxyz")
    assert np.array_equal(loaded["layer_4"][:], states[1])
    assert loaded["layer_4"][:].dtype == np.float32
    assert json.loads(to_dataset(r).info.description)["layers"] == [0, 4, 8]


def test_platonic_rep_file(states: np.ndarray, tmp_path: Path) -> None:
    """A .pt file as platonic-rep writes it: feats (item, layer, feature) among other tensors, float16."""
    import torch

    feats = torch.from_numpy(np.swapaxes(states, 0, 1).copy()).half()
    torch.save(
        {
            "feats": feats,
            "num_params": 3,
            "mask": torch.ones(5, 7, dtype=torch.long),
            "loss": torch.tensor(2.0),
        },
        tmp_path / "m_pool-avg.pt",
    )
    r = import_representations(tmp_path / "m_pool-avg.pt", pooling="mean")
    assert np.array_equal(np.stack(list(r)), states.astype(np.float16).astype(np.float32))


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    """A .pt file with anything but tensors and plain values is refused."""
    import torch

    torch.save({"feats": object()}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"Cannot read .*evil\.pt' as \.pt: it holds more than tensors"):
        import_representations(tmp_path / "evil.pt")


def test_python_objects_in_arrays_are_not_read(tmp_path: Path) -> None:
    """The sentence says what they are and how to write numbers: no file of them is damaged."""
    np.save(tmp_path / "dict.npy", np.array({"layer0": np.ones((5, 3))}, object), allow_pickle=True)
    np.savez(tmp_path / "dict.npz", layer0=np.array([{}, 1], object))
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps([1.0]))
    for name, text in {
        "dict.npy": r"^Cannot read '.*dict\.npy': it holds Python objects",
        "dict.npz": r"^Cannot read 'layer0' of '.*dict\.npz': it holds Python objects",
        "pickle.npy": r"pickle\.npy' as \.npy: it does not begin as one\. Check that",
    }.items():
        with pytest.raises(InputError, match=text + r".*numpy\.savez\(path, layer0=array, \.\.\.\)\.$"):
            import_representations(tmp_path / name)


def test_layers_that_do_not_fit_are_called_as_in_the_file(tmp_path: Path) -> None:
    """The file and the layer's name, and no pooling that nobody named."""
    np.savez(tmp_path / "a.npz", stem=np.ones((5, 3)), head=np.ones((6, 3)), waves=np.ones((5, 3)) * 1j)
    for names, text in {
        (
            "stem",
            "head",
        ): r"a\.npz': Each layer must .* but layer 'head' has shape \(6, 3\) and the first one",
        ("stem", "waves"): r"a\.npz': Layers must hold real numbers, but layer 'waves' has dtype complex128",
    }.items():
        with pytest.raises(InputError, match=text) as caught:
            import_representations(tmp_path / "a.npz", name=names)
        assert "unknown" not in str(caught.value)
    with pytest.raises(InputError, match="but layer 1 of pooling 'mean' has shape"):
        Representations.from_arrays([np.ones((5, 3)), np.ones((6, 3))], pooling="mean")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt", ".h5"])
def test_states_that_are_not_finite_are_told(states: np.ndarray, tmp_path: Path, suffix: str) -> None:
    """How many items, and the first; without them the others can be compared."""
    states[1, 3, 0], states[2, 1] = np.nan, np.inf
    file = export(
        Representations.from_arrays(states, ids=list("vwxyz"), pooling="mean"), tmp_path / f"a{suffix}"
    )
    name = "3" if suffix == ".npy" else "y"
    with pytest.warns(
        PlatoscopeWarning,
        match=rf"^2 of 5 items of '.*a\{suffix}' have .* not finite; the first is item '{name}' in layer 1\.",
    ):
        r = import_representations(file)
    assert np.isfinite(np.stack(list(r.select([0, 2, 4])))).all()


def test_looking_for_what_is_not_finite_takes_little_memory(tmp_path: Path) -> None:
    """A memory-mapped file of 128 MB is not brought into memory, and what is in its last row is found."""
    states = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (2, 4000, 4000))
    states[1, -1, -1] = np.nan
    states.flush()
    tracemalloc.start()
    try:
        with pytest.warns(PlatoscopeWarning, match="1 of 4000 items .* item '3999' in layer 1"):
            import_representations(tmp_path / "a.npy")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16e6


@pytest.mark.parametrize(
    "axes", [("item", "layer", "feature"), ("feature", "item", "layer"), ("layer", "item", "feature")]
)
def test_axes_can_be_named_in_any_order(states: np.ndarray, tmp_path: Path, axes: tuple[str, ...]) -> None:
    """The order of axes is what the caller says it is."""
    order = [("layer", "item", "feature").index(axis) for axis in axes]
    np.save(tmp_path / "a.npy", states.transpose(order))
    assert np.array_equal(np.stack(list(import_representations(tmp_path / "a.npy", axes=axes))), states)


def test_numbered_arrays_are_layers_in_numeric_order(tmp_path: Path) -> None:
    """layer_10 comes after layer_9, and widths may differ."""
    arrays = {f"layer_{i}": np.full((4, i + 1), float(i)) for i in (9, 10, 2)}
    np.savez(tmp_path / "a.npz", **arrays)
    r = import_representations(tmp_path / "a.npz", layers=[2, 9, 10])
    assert [float(layer[0, 0]) for layer in r] == [2.0, 9.0, 10.0]
    assert r[-1].shape == (4, 11)
    assert r.n_features == 11


def test_layers_are_in_the_natural_order_of_their_names(tmp_path: Path) -> None:
    """Blocks of blocks keep their order, and what each layer was called is kept, through an export as well."""
    names = ["layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer10.0"]
    arrays = {name: np.full((6, 3), float(i)) for i, name in enumerate(names)}
    np.savez(tmp_path / "a.npz", **dict(sorted(arrays.items(), key=lambda item: item[0][::-1])))
    r = import_representations(tmp_path / "a.npz")
    assert [float(layer[0, 0]) for layer in r] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert r.layer_names == tuple(names)
    assert r[1:3].layer_names == ("layer1.1", "layer2.0")
    again = import_representations(export(r, tmp_path / "b.npz"))
    assert again.layer_names == tuple(names)
    assert Representations.from_arrays(np.zeros((2, 4, 3)), layers=[0, 8]).layer_names == ("0", "8")


def test_numbers_in_names_are_of_any_length() -> None:
    """Python converts no text of 5,000 digits, and none of other digits than ours."""
    names = ["h2", "h10", "h010b", "h²", "h" + "9" * 5000]
    assert sorted(reversed(names), key=natural) == ["h2", "h10", "h010b", "h" + "9" * 5000, "h²"]
    assert natural("h007") == natural("h7")


def test_an_object_of_hdf5_whose_name_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    """It gives bytes for it, which order beside no other name."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as content:
        content[b"\xf2ayer"] = np.zeros((3, 4), np.float32)
    with pytest.raises(InputError, match=r"a\.h5' has an object whose name is no text"):
        import_representations(tmp_path / "a.h5")


@pytest.mark.parametrize("wrong", [None, True, 1.5, ["b"], {}])
def test_ids_are_texts_or_whole_numbers(tmp_path: Path, wrong: object) -> None:
    """No item is called None, here or in a file that says what its rows are called."""
    layers = np.zeros((2, 3, 4), np.float32)
    assert Representations.from_arrays(layers, ids=["a", np.int64(1), 2]).ids == ("a", "1", "2")
    with pytest.raises(InputError, match="ids must be texts or whole numbers; got"):
        Representations.from_arrays(layers, ids=["a", wrong, "c"])
    file = export(Representations.from_arrays(layers, ids=list("abc")), tmp_path / "a.npz")
    with np.load(file) as content:
        arrays = dict(content)
    said = json.loads(str(arrays.pop("platoscope"))) | {"ids": ["a", wrong, "c"]}
    np.savez(file, **arrays, platoscope=json.dumps(said))
    with pytest.raises(InputError, match="ids must be texts or whole numbers; got"):
        import_representations(file)


def test_layers_are_chosen_by_their_names_in_order(tmp_path: Path) -> None:
    """Where names have no numbers, nothing tells their order but the caller; a folder is told what to do."""
    arrays = {
        name: np.full((6, width), float(width)) for name, width in (("body", 3), ("head", 4), ("stem", 2))
    }
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=r"arrays: body \(6, 3\).*as name=\['embeddings', 'block1'\]"):
        import_representations(tmp_path / "a.npz")
    r = import_representations(tmp_path / "a.npz", name=["stem", "body", "head"])
    assert (r.layer_names, r.widths) == (("stem", "body", "head"), (2, 3, 4))
    for wrong in (["stem", "neck"], ["stem", "stem"], [], [["stem"]]):
        with pytest.raises(InputError, match="Cannot tell which array"):
            import_representations(tmp_path / "a.npz", name=wrong)
    with pytest.raises(InputError, match="a folder.*are a dict in the order of the layers"):
        import_representations(tmp_path)


def test_a_list_of_tensors_is_one_of_layers(states: np.ndarray, tmp_path: Path) -> None:
    """As `hidden_states` of a model are; widths may differ, and a bare tensor has its layers first as well."""
    import torch

    tensors = [torch.from_numpy(layer) for layer in states]
    torch.save(tensors, tmp_path / "list.pt")
    torch.save(tuple(tensors), tmp_path / "tuple.pt")
    torch.save(torch.from_numpy(states), tmp_path / "bare.pt")
    for name in ("list.pt", "tuple.pt", "bare.pt"):
        r = import_representations(tmp_path / name)
        assert np.array_equal(np.stack(list(r)), states), name
    torch.save({"hidden_states": [tensors[0], tensors[1][:, :2]]}, tmp_path / "widths.pt")
    assert [layer.shape for layer in import_representations(tmp_path / "widths.pt")] == [(5, 4), (5, 2)]


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt"])
def test_more_layers_than_items_asks_for_the_axes(tmp_path: Path, suffix: str) -> None:
    """An array with its items first is not read as if they were layers."""
    import torch

    states = np.random.default_rng(0).standard_normal((9, 3, 4)).astype(np.float32)
    file = tmp_path / f"a{suffix}"
    if suffix == ".pt":
        torch.save(torch.from_numpy(states), file)
    elif suffix == ".npy":
        np.save(file, states)
    else:
        np.savez(file, states)
    with pytest.raises(
        InputError, match=r"9 layers of 3 items. Say what its axes are, as axes=\('item', 'layer'"
    ):
        import_representations(file)
    assert len(import_representations(file, axes=("item", "layer", "feature"))) == 3
    assert len(import_representations(file, axes=("layer", "item", "feature"))) == 9


def test_hdf5_that_lies_in_other_files_is_not_read(tmp_path: Path) -> None:
    """External storage and virtual data sets would put any file's bytes into the array."""
    import h5py

    (tmp_path / "secret").write_bytes(np.arange(12, dtype=np.float32).tobytes())
    with h5py.File(tmp_path / "raw.h5", "w") as content:
        content.create_dataset("states", (3, 4), "float32", external=[(tmp_path / "secret", 0, 48)])
    with h5py.File(tmp_path / "virtual.h5", "w") as content:
        layout = h5py.VirtualLayout((3, 4), "float32")
        layout[:] = h5py.VirtualSource(tmp_path / "raw.h5", "states", (3, 4))
        content.create_virtual_dataset("states", layout)
    for name in ("raw.h5", "virtual.h5"):
        with pytest.raises(InputError, match=r"'states' of .* lies in other files, which are not read"):
            import_representations(tmp_path / name)


@pytest.mark.parametrize(
    "said", ["[1]", '{"ids": 3}', '{"layers": "x"}', '{"provenance": []}', "{nope", "[" * 99_999]
)
def test_what_a_file_says_about_itself_is_checked(tmp_path: Path, said: str) -> None:
    """Whatever stands under "platoscope", the error names the file."""
    np.savez(tmp_path / "a.npz", states=np.zeros((4, 3)), platoscope=np.array(said))
    with pytest.raises(InputError, match=r"Cannot read .*a\.npz"):
        import_representations(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [{"mask": np.zeros(3)}, {"one": np.array([None, 2])}, {}])
def test_an_archive_without_representations_is_a_sentence(
    tmp_path: Path, content: dict[str, np.ndarray]
) -> None:
    """An .npz file of something else names what it has, or why it is not read."""
    np.savez(tmp_path / "a.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"Cannot (tell which array|read) .*a\.npz"):
        import_representations(tmp_path / "a.npz")


def test_an_archive_of_other_files_is_a_sentence(tmp_path: Path) -> None:
    """What NumPy hands out as bytes is no array."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("representations.npy", b"no array")
    with pytest.raises(InputError, match=r"'representations' in it is no array"):
        import_representations(tmp_path / "a.npz")


def test_bfloat16_safetensors(states: np.ndarray, tmp_path: Path) -> None:
    """Tensors in bfloat16, which NumPy does not know, are read exactly."""
    import torch
    from safetensors.torch import save_file

    tensor = torch.from_numpy(states).bfloat16()
    save_file({"states": tensor}, tmp_path / "a.safetensors")
    r = import_representations(tmp_path / "a.safetensors")
    assert np.array_equal(np.stack(list(r)), tensor.float().numpy())


def test_two_dimensional_array_is_one_layer(states: np.ndarray, tmp_path: Path) -> None:
    """An (item, feature) array is a stack of one layer."""
    np.save(tmp_path / "a.npy", states[0])
    r = import_representations(tmp_path / "a.npy")
    assert (len(r), r.n_items, r.pooling) == (1, 5, "unknown")
    assert np.array_equal(r[0], states[0])


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"name": "nothing"}, r"asked for: 'nothing'; arrays: one \(2, 3\), two \(2, 3\)"),
        ({"name": "one", "axes": ("layer", "item", "feature")}, r"axes must name each of the 2 axes"),
        ({}, "Choose one with name="),
    ],
)
def test_unclear_array_is_an_error(tmp_path: Path, keywords: dict[str, object], match: str) -> None:
    """Several arrays, an unknown name or wrong axes are refused with what there is."""
    np.savez(tmp_path / "a.npz", one=np.zeros((2, 3)), two=np.zeros((2, 3)))
    with pytest.raises(InputError, match=match):
        import_representations(tmp_path / "a.npz", **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["missing.npy", "notes.txt"])
def test_unknown_file_is_an_error(tmp_path: Path, name: str) -> None:
    """A missing file and an unknown ending are named."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="Cannot import"):
        import_representations(tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_file_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    """A file that its library cannot read is an InputError."""
    (tmp_path / f"a{suffix}").write_bytes(b"not such a file at all")
    with pytest.raises(InputError, match="Check that the file is whole"):
        import_representations(tmp_path / f"a{suffix}")


def test_missing_package_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: np.ndarray
) -> None:
    """Without h5py the error says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'platoscope\[io\]'"):
        export(Representations.from_arrays(states), tmp_path / "a.h5")


def test_export_that_cannot_be_written(tmp_path: Path, states: np.ndarray) -> None:
    """An impossible path is a StorageError, an unknown ending an InputError."""
    r = Representations.from_arrays(states)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Cannot write"):
        export(r, tmp_path / "file" / "a.npy")
    with pytest.raises(InputError, match="Cannot tell the format"):
        export(r, tmp_path / "a.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.safetensors", "a.pt", "a.h5", "set"])
def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    """Whatever the library that writes makes of it, the process lives, and what was there before stays."""
    code = """
import resource, sys
import numpy as np
from platoscope.errors import StorageError
from platoscope.representations import Representations, export
path = sys.argv[1]
format = "datasets" if path.endswith("set") else None
small, large = (Representations.from_arrays(np.ones((2, n, 8))) for n in (5, 50_000))
export(small, path, format=format)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    export(large, path, format=format)
except StorageError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "File too large. Nothing was left there." in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_arguments_and_empty_files_are_named(tmp_path: Path) -> None:
    """Axes that are none, a provenance that is none, a file without layers; tensors that were trained are read."""
    np.save(tmp_path / "none.npy", np.zeros((0, 5, 2), np.float32))
    with pytest.raises(InputError, match=r"'none' of .* holds no layer"):
        import_representations(tmp_path / "none.npy")
    for wrong, text in (
        ({"axes": 3}, "axes must be a sequence"),
        ({"provenance": 3}, "provenance must be a map"),
    ):
        with pytest.raises(InputError, match=text):
            import_representations(tmp_path / "none.npy", **wrong)  # type: ignore[arg-type]
    torch = pytest.importorskip("torch")
    torch.save([torch.ones(5, 2, requires_grad=True)], tmp_path / "trained.pt")
    assert np.array_equal(import_representations(tmp_path / "trained.pt")[0], np.ones((5, 2)))
