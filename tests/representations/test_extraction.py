"""`extract`: what is stored, shared, reused and refused."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import zarr

from platoscope.datasets import Pairs, Side
from platoscope.errors import InputError, StorageError
from platoscope.models import Pooling
from platoscope.representations import (
    ModelOnDemand,
    Representations,
    extract,
    open_representations,
    token_counts,
    verify,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

N_ITEMS = 50
POOLINGS = ("mean(3)", "last", "concat(2)")


def _by_hand(fake: ModuleType, pooling: str, batch_size: int = 7) -> np.ndarray:
    """States in item order: the batches of the encoder, put back where their items were."""
    encoder = fake.FakeEncoder(batch_size=batch_size)
    items = fake.sentences(N_ITEMS)
    parts = {}
    for batch in encoder.batches(encoder.lengths(items)):
        states = encoder.encode([items[i] for i in batch], [Pooling.parse(pooling)])[pooling]
        parts.update(dict(zip(batch.tolist(), np.moveaxis(states, 1, 0), strict=True)))
    return np.stack([parts[i] for i in range(N_ITEMS)], 1)


@pytest.mark.parametrize("rows", [1, 16, 49, 50, 128])
def test_layers_come_back_in_item_order(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Whatever the size of the units, every layer is what the model gave, in the order of the items."""
    monkeypatch.setattr("platoscope.representations._units._ROWS_PER_UNIT", rows)
    r = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=POOLINGS, store=tmp_path)
    for pooling in ("mean(3)", "last"):
        assert np.array_equal(np.stack(list(r.with_pooling(pooling))), _by_hand(fake, pooling))
    tokens = _by_hand(fake, "concat(2)")
    assert np.array_equal(r.with_pooling("concat(2)")[2], tokens[2].reshape(N_ITEMS, -1))
    assert np.array_equal(r.with_pooling("token(1)")[3], tokens[3, :, 0])


def test_store_is_plain_zarr(fake: ModuleType, tmp_path: Path, small_units: int) -> None:
    """Zarr itself reads the same numbers, with checksums, named dimensions and the order of the rows."""
    r = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=POOLINGS, store=tmp_path)
    group = zarr.open_group(tmp_path / r.key, mode="r", zarr_format=3)
    order = group["order"][:]
    assert np.array_equal(group["mean_3"][:], _by_hand(fake, "mean(3)")[:, order])
    assert np.array_equal(group["tokens_2"][:], _by_hand(fake, "concat(2)")[:, order])
    assert group["mean_3"].metadata.dimension_names == ("layer", "item", "feature")
    assert group["tokens_2"].metadata.dimension_names == ("layer", "item", "token", "feature")
    assert group["mean_3"].chunks == (1, 16, 6)
    assert group["mean_3"].shards == (4, 16, 6)


def test_equal_request_runs_nothing(fake: ModuleType, tmp_path: Path) -> None:
    """Asked again, also for fewer layers or for what tokens hold, the model is not run."""
    extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=POOLINGS, store=tmp_path)
    again = fake.FakeEncoder()
    for pooling in ("mean(3)", "tokens(2)", "token(1)", "concat(1)"):
        extract(again, fake.sentences(N_ITEMS), pooling=pooling, store=tmp_path)
    fewer = extract(again, fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path, layers=[-1, 1])
    assert again.encoded == []
    assert fewer.layers == (1, 3)
    assert np.array_equal(fewer[0], _by_hand(fake, "mean(3)")[1])


def test_another_pooling_adds_an_array_with_the_same_batches(fake: ModuleType, tmp_path: Path) -> None:
    """The group is shared, and the new array is as if it had been asked for at first."""
    first = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="last", store=tmp_path)
    second = extract(
        fake.FakeEncoder(batch_size=11), fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path
    )
    assert first.key == second.key
    assert np.array_equal(np.stack(list(second)), _by_hand(fake, "mean(3)"))
    assert set(second.poolings) == {"last", "mean(3)"}


@pytest.mark.parametrize(
    "settings",
    [{"dtype": "bfloat16"}, {"drop_last": 0}, {"revision": "b"}, {"something_new": 1}],
    ids=lambda settings: next(iter(settings)),
)
def test_other_settings_have_another_key(fake: ModuleType, tmp_path: Path, settings: dict[str, Any]) -> None:
    """Whatever a model says of itself splits the store, also settings that are unknown here."""
    first = extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path)
    other = extract(fake.FakeEncoder(**settings), fake.sentences(5), pooling="last", store=tmp_path)
    assert first.key != other.key


def test_where_it_ran_does_not_change_the_key(fake: ModuleType, tmp_path: Path) -> None:
    """Device, library versions and size of batches are recorded, but equal requests share one group."""
    first = extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path)
    elsewhere = fake.FakeEncoder(device="cuda", versions={"torch": "3"}, batch_tokens=9)
    assert extract(elsewhere, fake.sentences(5), pooling="last", store=tmp_path).key == first.key
    assert elsewhere.encoded == []


def test_other_items_have_another_key(fake: ModuleType, tmp_path: Path) -> None:
    """The order of the items is part of the data."""
    items = fake.sentences(5)
    keys = {
        extract(fake.FakeEncoder(), data, pooling="last", store=tmp_path).key
        for data in (items, items[::-1], items[:4])
    }
    assert len(keys) == 3


def test_ids_are_those_of_the_request(fake: ModuleType, tmp_path: Path) -> None:
    """Equal texts under other ids share their representations but keep their names."""
    items = fake.sentences(4)
    pairs = Pairs("p", Side("en", "text", items), Side("it", "text", items[::-1]), ids=tuple("abcd"))
    a = extract(fake.FakeEncoder(), pairs, pooling="last", store=tmp_path)
    plain = extract(fake.FakeEncoder(), items, pooling="last", store=tmp_path)
    assert a.key == plain.key
    assert (a.ids, plain.ids) == (tuple("abcd"), tuple("0123"))
    b = extract(fake.FakeEncoder(), pairs, side="it", pooling="last", store=tmp_path)
    assert b.key == extract(fake.FakeEncoder(), pairs, side="b", pooling="last", store=tmp_path).key
    assert not np.array_equal(a[0], b[0])
    assert open_representations(b.key[:8], store=tmp_path).ids == tuple("abcd")


def test_only_chosen_layers_are_kept(fake: ModuleType, tmp_path: Path) -> None:
    """With `layers`, the others take no space; all of them are another group."""
    r = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="last", store=tmp_path, layers=[3, 0])
    assert (r.layers, r.depth) == ((0, 3), 3)
    assert np.array_equal(np.stack(list(r)), _by_hand(fake, "last")[[0, 3]])
    assert zarr.open_group(tmp_path / r.key, mode="r")["last"].shape == (2, N_ITEMS, 6)
    whole = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="last", store=tmp_path)
    assert len(whole) == 4


def test_selection_and_threads_read_the_same(
    fake: ModuleType, tmp_path: Path, small_units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Selected rows are those of the whole layer, however many threads read."""
    r = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling="mean(3)", store=tmp_path)
    whole = r[1]
    assert np.array_equal(r.select([40, 3, 17])[1], whole[[40, 3, 17]])
    monkeypatch.setattr("platoscope.representations._local.LocalFolder.n_readers", lambda _self, _bytes: 3)
    assert np.array_equal(r[1], whole)


def test_items_that_are_cut_are_counted(fake: ModuleType, tmp_path: Path) -> None:
    """How many items are longer than the model reads stands in the provenance, also when they are opened again."""
    encoder = fake.FakeEncoder()
    items = fake.sentences(N_ITEMS)
    encoder.max_tokens = 9
    longer = sum(len(item.split()) > 9 for item in items)
    assert longer > 0
    for _ in range(2):
        r = extract(encoder, items, pooling="mean(3)", store=tmp_path)
        assert r.n_truncated == r.provenance["data"]["truncated"] == longer
    assert extract(fake.FakeEncoder(limit="none"), items, pooling="mean(3)", store=tmp_path).n_truncated == 0


def test_the_tokens_of_the_items_are_known_again(fake: ModuleType, tmp_path: Path) -> None:
    """Of a key of the store, in the order of the items that are selected."""
    items = fake.sentences(N_ITEMS)
    key = extract(fake.FakeEncoder(), items, pooling="last", store=tmp_path).key
    words = [len(item.split()) for item in items]
    assert len(set(words)) > 1
    r = open_representations(key, store=tmp_path)
    assert token_counts(r).tolist() == words
    assert token_counts(r.select([40, 3, 17])).tolist() == [words[40], words[3], words[17]]


def test_any_fsspec_url_is_a_store(fake: ModuleType, small_units: int) -> None:
    """A store behind a URL is written, reused, checked and repaired like a folder."""
    import fsspec

    store = f"memory://{uuid.uuid4().hex}/store"
    r = extract(fake.FakeEncoder(), fake.sentences(N_ITEMS), pooling=POOLINGS, store=store)
    assert np.array_equal(np.stack(list(r)), _by_hand(fake, "mean(3)"))
    again = fake.FakeEncoder()
    extract(again, fake.sentences(N_ITEMS), pooling=POOLINGS, store=store)
    assert again.encoded == []
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"{store}/{r.key}/mean_3/c.0.1.0", b"damaged")
    assert [problem.unit for problem in verify(store)] == [1]
    extract(again, fake.sentences(N_ITEMS), pooling=POOLINGS, store=store)
    assert 0 < len(again.encoded) < 5
    assert verify(store) == ()


def test_memory_does_not_grow_with_items(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the items take the same memory at the peak, within a tenth."""
    monkeypatch.setattr("platoscope.representations._units._ROWS_PER_UNIT", 32)

    def peak(n: int) -> int:
        encoder = fake.FakeEncoder(n_features=512, batch_size=16)
        items = fake.sentences(n)
        tracemalloc.start()
        extract(encoder, items, pooling="last", store=tmp_path / str(n))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(64)  # imports
    assert peak(1280) < 1.1 * peak(128)


def test_provenance_says_where_it_comes_from(fake: ModuleType, tmp_path: Path) -> None:
    """Data, model, batches, versions, time and throughput are on hand."""
    items = fake.sentences(4)
    pairs = Pairs("p", Side("en", "text", items), Side("it", "text", items), provenance={"licence": "CC0"})
    provenance = extract(fake.FakeEncoder(), pairs, pooling="last", store=tmp_path).provenance
    assert provenance["data"]["pairs"] == "p"
    assert provenance["data"]["side"] == "en"
    assert provenance["data"]["fingerprint"] == pairs.a.fingerprint()
    assert provenance["data"]["provenance"]["licence"] == "CC0"
    assert provenance["model"]["id"] == "fake"
    assert {"platoscope", "numpy", "zarr"} <= set(provenance["versions"])
    assert len(provenance["plan"]) == 64
    assert provenance["extraction"]["last"]["tokens"] == sum(len(item.split()) for item in items)
    assert provenance["extraction"]["last"]["tokens_per_second"] > 0


class _Wrong:
    """An encoder whose states are changed on the way."""

    def __init__(self, encoder: Any, change: Any) -> None:
        self._encoder = encoder
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, items: Any, /, poolings: Any) -> Any:
        """Encode, and change what comes out."""
        return {key: self._change(states) for key, states in self._encoder.encode(items, poolings).items()}


def _with_nan(states: np.ndarray) -> np.ndarray:
    states[2, 0, 1] = np.nan
    return states


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda states: states[:, :, :2],
            r"returned shape \(4, 5, 2\) for pooling last, expected \(4, 5, 6\)",
        ),
        (_with_nan, r"non-finite number for item '\d' in layer 2 \(last\)"),
    ],
    ids=["shape", "nan"],
)
def test_what_a_model_returns_is_checked(fake: ModuleType, tmp_path: Path, change: Any, match: str) -> None:
    """A wrong shape and a number that is not finite are named before they are stored."""
    with pytest.raises(InputError, match=match):
        extract(_Wrong(fake.FakeEncoder(), change), fake.sentences(5), pooling="last", store=tmp_path)


@pytest.mark.parametrize(
    ("data", "keywords", "match"),
    [
        ([], {}, "data is empty"),
        (Side("image", "image", [b"x"]), {}, "reads text, but side 'image'"),
        (["a"], {"layers": [4]}, "between -4 and 3"),
        (["a"], {"layers": []}, "a list of at least one whole number; got \\[\\]"),
        (["a"], {"pooling": "average"}, "average"),
        (Pairs("p", Side("en", "text", ["a"]), Side("it", "text", ["b"])), {"side": "fr"}, "'a' \\('en'\\)"),
    ],
)
def test_wrong_arguments_are_refused(
    fake: ModuleType, tmp_path: Path, data: Any, keywords: dict[str, Any], match: str
) -> None:
    """Empty data, another modality, unknown layers, poolings and sides are named."""
    with pytest.raises(InputError, match=match):
        extract(fake.FakeEncoder(), data, store=tmp_path, **keywords)


def test_pairs_by_name_and_tables_are_pairs(fake: ModuleType, tmp_path: Path) -> None:
    """A name, a path and a table have two sides, of which one is read; a table's names of columns are never items."""
    frame = pd.DataFrame({"id": ["x", "y"], "en": ["one", "two"], "it": ["uno", "due"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for given in (str(tmp_path / "t.csv"), tmp_path / "t.csv", frame, frame.to_dict("list")):
        found = extract(fake.FakeEncoder(), given, side="it", pooling="last", store=tmp_path)
        assert (found.ids, found.provenance["data"]["side"]) == (("x", "y"), "it")
    assert extract(fake.FakeEncoder(), frame["en"], pooling="last", store=tmp_path).ids == ("0", "1")
    with pytest.raises(InputError, match="items of side 'it' must be a sequence of items; got"):
        Side("it", "text", frame)


def test_damaged_metadata_is_one_sentence(fake: ModuleType, tmp_path: Path) -> None:
    """What cannot be repaired unit by unit says which group to remove."""
    r = extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path)
    (tmp_path / r.key / "order" / "c.0").write_bytes(b"damaged")
    with pytest.raises(StorageError, match=f"platoscope store rm {r.key[:12]}"):
        extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path)[0]
    (tmp_path / r.key / "zarr.json").write_text("{")
    with pytest.raises(StorageError, match=f"platoscope store rm {r.key[:12]}"):
        extract(fake.FakeEncoder(), fake.sentences(5), pooling="last", store=tmp_path)


def test_default_store_follows_the_environment(
    fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$PLATOSCOPE_CACHE says where representations lie."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    r = extract(fake.FakeEncoder(), fake.sentences(5), pooling="last")
    assert (tmp_path / "cache" / "representations" / r.key).is_dir()


def test_package_loads_without_its_extras() -> None:
    """Importing the package and opening a store loads none of the heavy libraries."""
    program = (
        "import sys, platoscope.representations as r; r.list_store('/no/such/place');"
        "print(sorted({'torch', 'transformers', 'datasets', 'zarr', 'xarray', 'h5py', 'pandas'} & "
        "set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a random Llama of three blocks."""
    testing = pytest.importorskip("platoscope.testing.models")
    folder: Path = testing.save_tiny_model("llama", tmp_path_factory.mktemp("model") / "llama")
    return folder


def test_real_architecture_end_to_end(
    tiny_model: Path, fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, a model is loaded to extract, but not to find again what is complete."""
    from platoscope import models

    items = fake.sentences(20)
    model = ModelOnDemand(str(tiny_model), {"dtype": "float32"})
    r = extract(model, items, pooling="mean(3),last", store=tmp_path)
    encoder = models.load_model(str(tiny_model), dtype="float32")
    alone = [encoder.encode([item], poolings=(Pooling.parse("mean(3)"),))["mean(3)"][:, 0] for item in items]
    # Padding and the size of the batch move the last bits of float32 matrix products.
    assert np.allclose(np.stack(list(r)), np.stack(alone, 1), atol=1e-5)

    def refuse(*_: Any, **__: Any) -> Any:
        pytest.fail("the weights were loaded")

    monkeypatch.setattr("platoscope.models.pretrained.load_pretrained", refuse)
    found = extract(
        ModelOnDemand(str(tiny_model), {"dtype": "float32"}), items, pooling="last", store=tmp_path
    )
    assert found.key == r.key
    assert isinstance(found, Representations)


def test_a_band_of_frequencies_is_read_from_what_is_kept(
    tiny_model: Path, fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store keeps dct(m) once, and every band of its frequencies comes from it without the model."""
    items = fake.sentences(20)
    model = ModelOnDemand(str(tiny_model), {"dtype": "float32"})
    band = extract(model, items, pooling="dct(1-2)", store=tmp_path)
    assert band.poolings == ("dct(3)",)
    mean = extract(model, items, pooling="mean", store=tmp_path)
    monkeypatch.setattr(
        "platoscope.models.pretrained.load_pretrained", lambda *_, **__: pytest.fail("loaded")
    )
    first = extract(
        ModelOnDemand(str(tiny_model), {"dtype": "float32"}), items, pooling="dct(1)", store=tmp_path
    )
    assert first.key == band.key
    assert all(np.array_equal(a, b) for a, b in zip(first, mean, strict=True))
    whole = band.with_pooling("dct(3)")
    assert np.array_equal(np.concatenate([first[2], band[2]], axis=1), whole[2])
    assert np.array_equal(whole.parts(2)[0], first[2])


def test_model_on_demand_notices_changed_weights(tiny_model: Path, fake: ModuleType, tmp_path: Path) -> None:
    """What the store remembers of a model counts for these very files and options only."""
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    first = extract(str(folder), fake.sentences(5), pooling="last", store=tmp_path / "store")
    weights = next(folder.glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    changed = extract(str(folder), fake.sentences(5), pooling="last", store=tmp_path / "store")
    options = ModelOnDemand(str(folder), {"drop_last": 0})
    assert (
        len(
            {
                first.key,
                changed.key,
                extract(options, fake.sentences(5), pooling="last", store=tmp_path / "store").key,
            }
        )
        == 3
    )
