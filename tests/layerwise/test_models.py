"""Two models in one call: who reads what, what the sides are called, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import platoscope
from platoscope.datasets import Pairs, Side
from platoscope.errors import InputError
from platoscope.layerwise import read_models
from platoscope.testing.models import save_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

N = 60
FEW = {"pooling": "mean", "measures": "information_imbalance", "n_resamples": 0, "rng": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models whose folders have one last name, and one with more layers."""
    home = tmp_path_factory.mktemp("models")
    for name, seed, blocks in (("one/last", 0, 3), ("two/last", 1, 3), ("deep", 2, 6)):
        save_tiny_model("llama", home / name, seed=seed, n_blocks=blocks)
    return home


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Pairs in two groups, whose second side says the first backwards."""
    rng = np.random.default_rng(0)
    texts = [
        " ".join(rng.choice(["stone", "river", "bird", "cloud", "tree", "wolf"], 6)) + f" {i}"
        for i in range(N)
    ]
    strata = tuple("even" if i % 2 else "odd" for i in range(N))
    return Pairs(
        "made-up", Side("en", "text", texts), Side("ne", "text", [t[::-1] for t in texts]), strata=strata
    )


def test_each_model_reads_its_side(folder: Path, pairs: Pairs, tmp_path: Path) -> None:
    """The result is that of reading side a with A and side b with B, and comparing by relative depth."""
    a, b = str(folder / "one/last"), folder / "deep"
    result = platoscope.compare_models(a, b, pairs, store=tmp_path, **FEW)
    read = [
        platoscope.extract(model, pairs, side=side, pooling="mean", store=tmp_path)
        for model, side in ((a, "a"), (str(b), "b"))
    ]
    by_hand = platoscope.profile(
        *read, match="relative_depth", measures="information_imbalance", n_resamples=0, rng=0
    )
    np.testing.assert_array_equal(result.information_imbalance, by_hand.information_imbalance)
    assert (result.attrs["name_a"], result.attrs["name_b"]) == ("last en", "deep ne")


@pytest.mark.parametrize(
    ("b", "side", "names"),
    [
        ("one/last", None, ("en", "ne")),
        ("two/last", "en", ("one/last", "two/last")),
        ("two/last", None, ("one/last en", "two/last ne")),
    ],
)
def test_sides_are_named_after_what_differs(
    folder: Path, pairs: Pairs, tmp_path: Path, b: str, side: str | None, names: tuple[str, str]
) -> None:
    """Languages in one model, models over one text, or both where both differ; two folders of one last name stay apart."""
    result = platoscope.compare_models(
        folder / "one/last", folder / b, pairs, side=side, n=40, store=tmp_path, **FEW
    )
    assert (result.attrs["name_a"], result.attrs["name_b"]) == names
    assert result.attrs["n_samples"] == 40


def test_each_model_has_the_pooling_of_what_it_reads(folder: Path, pairs: Pairs, tmp_path: Path) -> None:
    """By default the last tokens of a text and all of an image, as `extract` has it: a caption is compared at once."""
    save_tiny_model("vit", tmp_path / "vit")
    pixels = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
    captions = Pairs("made-up", Side("image", "image", [Image.fromarray(image) for image in pixels]), pairs.a)
    models = [str(tmp_path / "vit"), str(folder / "one/last")]
    read = read_models(models, captions, store=tmp_path / "store")
    assert [stack.pooling for stack in read.stacks] == ["mean", "mean(20)"]
    with pytest.raises(
        InputError, match=r"image 0 of side 'x' must be a path.* got ndarray.*PIL\.Image\.fromarray"
    ):
        Side("x", "image", list(pixels))


def test_two_poolings_of_one_text_are_one_pass(
    folder: Path, pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One model that reads one text twice reads it once, and the bar has a stage for it."""
    from platoscope.models.text import TextEncoder

    read: list[int] = []
    encode = TextEncoder.encode_for
    monkeypatch.setattr(
        TextEncoder,
        "encode_for",
        lambda self, asked, items: read.append(len(items)) or encode(self, asked, items),
    )
    model = folder / "deep"
    poolings = {"a": "mean", "b": "last"}
    result = platoscope.compare_models(
        model, model, pairs, side="en", store=tmp_path, **{**FEW, "pooling": poolings}
    )
    assert sum(read) == N
    assert (result.attrs["name_a"], result.attrs["name_b"]) == ("deep mean", "deep last")


def test_several_models_read_one_text(folder: Path, pairs: Pairs, tmp_path: Path) -> None:
    """Row i of all is about text i; two sides, and one model twice, are refused."""
    models = [folder / "one/last", folder / "two/last", folder / "deep"]
    read = read_models(models, pairs, side="ne", n=40, pooling="mean", store=tmp_path)
    assert read.names == ("one/last", "two/last", "deep")
    assert [stack.ids for stack in read.stacks] == [read.stacks[0].ids] * 3
    alone = platoscope.extract(str(models[2]), pairs, side="ne", pooling="mean", store=tmp_path)
    np.testing.assert_array_equal(read.stacks[2][1], alone.select(read.stacks[0].ids)[1])
    with pytest.raises(
        InputError, match="3 models are compared over one text or image, and 'made-up' has two sides"
    ):
        read_models(models, pairs)
    with pytest.raises(InputError, match="reading 'en' of 'made-up' twice. Give each model once"):
        read_models([*models, models[0]], pairs, side="en")
    with pytest.raises(InputError, match="sides must say one for each of the 3 models; got 1"):
        read_models(models, pairs, sides=["a"])


def test_texts_are_read_by_both_models(folder: Path, pairs: Pairs, tmp_path: Path) -> None:
    """A list of texts is what side a of pairs with that side alone is, and equal texts are read once."""
    models = folder / "one/last", folder / "two/last"
    of_list = platoscope.compare_models(*models, [*pairs.a.items, pairs.a[0]], store=tmp_path, **FEW)
    of_side = platoscope.compare_models(*models, pairs, side="a", store=tmp_path, **FEW)
    np.testing.assert_array_equal(of_list.information_imbalance, of_side.information_imbalance)
    assert of_list.attrs["n_samples"] == N


def test_limits_count_what_each_model_reads(folder: Path, pairs: Pairs, tmp_path: Path) -> None:
    """A pair stays where both texts are within the limits; tiny models make a token of every byte."""
    lengths = [len(text) for text in pairs.a.items]
    low, high = int(np.quantile(lengths, 0.1)), int(np.quantile(lengths, 0.9))
    result = platoscope.compare_models(
        folder / "deep", folder / "deep", pairs, min_tokens=low, max_tokens=high, store=tmp_path, **FEW
    )
    assert result.attrs["n_samples"] == sum(low <= length <= high for length in lengths) < N


def test_permutations_can_stay_within_strata(folder: Path, pairs: Pairs, tmp_path: Path) -> None:
    """The groups of the pairs are those of the null, and pairs without any are refused."""
    chosen = {**FEW, "n_permutations": 5, "store": tmp_path, "within_strata": True}
    result = platoscope.compare_models(folder / "deep", folder / "deep", pairs, **chosen)
    assert result.attrs["stratified"] == 1
    with pytest.raises(InputError, match="the pairs 'texts' have no strata to permute within"):
        platoscope.compare_models(folder / "deep", folder / "one/last", list(pairs.a.items), **chosen)


def test_a_bar_shows_what_is_done(
    folder: Path, pairs: Pairs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reading and comparing are stages of one bar."""
    platoscope.compare_models(folder / "deep", folder / "deep", pairs, store=tmp_path, progress=True, **FEW)
    drawn = capsys.readouterr().err
    assert "Reading en with" in drawn
    assert "comparing layers" in drawn


@pytest.mark.parametrize(
    ("b", "change", "said"),
    [
        ("deep", {"side": "a"}, "both sides would be the same: .* reading 'en' of 'made-up' twice"),
        ("one/last", {"side": "de"}, r"side must be 'a' \('en'\) or 'b' \('ne'\), got 'de'"),
        ("one/last", {"pooling": ["mean", "last"]}, "pooling must be one for both sides"),
        ("one/last", {"min_tokens": 0}, "min_tokens must be a whole number, at least 1; got 0"),
        ("one/last", {"n": 100}, "100 pairs are needed, but 'made-up' has 60"),
        ("one/last", {"names": "ab"}, "names must be two texts"),
        ("one/last", {"match": "index"}, "stacks of the same length"),
        ("one/last", {"n_resamples": -1}, "n_resamples must be"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, pairs: Pairs, tmp_path: Path, b: str, change: dict[str, object], said: str
) -> None:
    """Each message says what was expected."""
    with pytest.raises(InputError, match=said):
        platoscope.compare_models(
            folder / "deep",
            folder / b,
            pairs,
            **{**FEW, "store": tmp_path, **change},  # type: ignore[arg-type]
        )


def test_one_side_has_no_side_to_choose(folder: Path) -> None:
    """A list of texts is read by both models; another side of it there is not."""
    with pytest.raises(InputError, match="side='b' is for pairs of two sides"):
        platoscope.compare_models(folder / "deep", folder / "one/last", ["a", "b"], side="b")
