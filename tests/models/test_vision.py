"""Image models and two-tower models against the library, read one item at a time."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from platoscope.errors import InputError, PlatoscopeWarning
from platoscope.models import Encoder, Pooling, load_model, parse_poolings
from platoscope.models.library import quiet_library
from platoscope.testing.models import TINY_IMAGE_MODELS, TINY_TWO_TOWER_MODELS, save_image_processor

from .conftest import pool_naively, text_states
from .test_text import TOLERANCE, assert_states_close

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

# Class, register or start tokens before the patches.
N_PREFIX = {
    "vit": 1,
    "vit_mae": 1,
    "dinov2": 1,
    "dinov2_with_registers": 4,
    "imagegpt": 1,
    "clip": 1,
    "siglip": 0,
}


def image_states(
    folder: str, image: Image.Image, *, dtype: str, final_norm: bool | None = None
) -> list[np.ndarray]:
    """Read one image with the library alone: what enters the first block, then what leaves each block.

    The last one is the library's own, or before or after the norm as asked for.
    """
    from transformers import AutoImageProcessor, AutoModel

    with quiet_library():
        model = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = getattr(model, "vision_model", model)
    inputs = dict(processor(images=[image], return_tensors="pt"))
    if model.config.model_type == "imagegpt":
        start = torch.tensor([[model.config.vocab_size - 1]])
        inputs = {"input_ids": torch.cat([start, inputs["input_ids"][:, :-1]], dim=1)}
        blocks, norm = model.h, model.ln_f
    else:
        inputs["pixel_values"] = inputs["pixel_values"].to(getattr(torch, dtype))
        encoder = getattr(model, "encoder", model)
        blocks = getattr(encoder, "layer", None) or getattr(encoder, "layers", None)
        norm = getattr(model, "layernorm", None) or getattr(model, "post_layernorm", None)
    if model.config.model_type == "vit_mae":
        model.config.mask_ratio = 0.0
        inputs["noise"] = torch.arange(16)[None]
    seen: list[Any] = []
    blocks[0].register_forward_pre_hook(
        lambda _module, args, kwargs: seen.append(args[0] if args else kwargs["hidden_states"]),
        with_kwargs=True,
    )
    for block in blocks:
        block.register_forward_hook(
            lambda _module, _args, out: seen.append(out[0] if isinstance(out, tuple) else out)
        )
    with torch.inference_mode():
        library = model(**inputs, output_hidden_states=True).hidden_states
        if final_norm is None:
            seen[-1] = library[-1]
        elif final_norm:
            seen[-1] = norm(seen[-1])
    return [state[0].double().numpy() for state in seen]


def load_image_model(architecture: str, folder: str, **options: Any) -> Encoder:
    """Load the image side, on the CPU."""
    tower = "vision" if architecture in TINY_TWO_TOWER_MODELS else None
    return load_model(folder, device="cpu", tower=tower, **options)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", [*TINY_IMAGE_MODELS, *TINY_TWO_TOWER_MODELS])
def test_every_pooling_agrees_with_reading_one_image_at_a_time(
    architecture: str, dtype: str, tiny: Callable[..., str], images: list[Image.Image]
) -> None:
    """A batch gives mean, mean_all and cls of every layer as the library does for each image alone."""
    folder = tiny(architecture)
    model = load_image_model(architecture, folder, dtype=dtype)
    n_prefix = N_PREFIX[architecture]
    has_class = n_prefix > 0 and architecture != "imagegpt"
    pooled = model.encode(images, parse_poolings("mean,mean_all,cls" if has_class else "mean,mean_all"))
    for i, image in enumerate(images):
        states = image_states(folder, image, dtype=dtype)
        assert len(states) == model.n_layers
        expected = {
            "mean": np.stack([state[n_prefix:].mean(axis=0) for state in states]),
            "mean_all": np.stack([state.mean(axis=0) for state in states]),
            "cls": np.stack([state[0] for state in states]),
        }
        for name, found in pooled.items():
            assert found.dtype == np.float32
            assert_states_close(found[:, i], expected[name], dtype)


@pytest.mark.parametrize("architecture", [*TINY_IMAGE_MODELS, *TINY_TWO_TOWER_MODELS])
def test_final_norm_is_an_option(
    architecture: str, tiny: Callable[..., str], images: list[Image.Image]
) -> None:
    """The last layer of images is read as the library ends: after the norm for image-gpt, before it for the others."""
    folder = tiny(architecture)
    default = load_image_model(architecture, folder, dtype="float32")
    assert default.provenance["final_norm"] is (architecture == "imagegpt")
    for final_norm in (False, True):
        model = load_image_model(architecture, folder, dtype="float32", final_norm=final_norm)
        assert model.provenance["final_norm"] is final_norm
        found = model.encode(images[:1], [Pooling("mean_all")])["mean_all"][:, 0]
        states = image_states(folder, images[0], dtype="float32", final_norm=final_norm)
        assert_states_close(found, np.stack([state.mean(axis=0) for state in states]), "float32")


def test_masked_autoencoder_is_read_whole_and_repeatably(
    tiny: Callable[..., str], images: list[Image.Image]
) -> None:
    """ViT-MAE masks three quarters of its patches at random when it is trained; here it sees all of them."""
    model = load_model(tiny("vit_mae"), device="cpu")
    assert model.lengths(images).tolist() == [16] * 4
    first, second = (model.encode(images, [Pooling("mean")])["mean"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_image_processor_of_another_model_is_one_sentence(
    tiny: Callable[..., str], images: list[Image.Image], tmp_path: Path
) -> None:
    """One that makes pixels, beside a model that reads color indices, is refused with what it makes."""
    folder = Path(shutil.copytree(tiny("imagegpt"), tmp_path / "mixed"))
    save_image_processor(folder)
    with pytest.raises(InputError, match="makes pixel_values, but the model reads input_ids"):
        # Where the check of this configuration is remembered, loading looks at no image.
        load_model(str(folder), device="cpu", dtype="float32").encode(images, [Pooling("mean")])


def test_imagegpt_keeps_its_start_token_out_of_the_mean(
    tiny: Callable[..., str], images: list[Image.Image]
) -> None:
    """The mean over all tokens counts the start token, the mean over pixels does not."""
    model = load_model(tiny("imagegpt"), device="cpu", dtype="float32")
    assert model.lengths(images).tolist() == [35] * 4
    pooled = model.encode(images, parse_poolings("mean,mean_all"))
    start = 36 * pooled["mean_all"].astype(float) - 35 * pooled["mean"]
    # Nothing stands before the start token, so its state is the same for every image.
    assert np.ptp(start, axis=1).max() < 1e-4
    assert np.ptp(pooled["mean"], axis=1).max() > 0.1


def test_image_poolings_that_do_not_apply(tiny: Callable[..., str], images: list[Image.Image]) -> None:
    """A text pooling, or the class token of a model without one, is an error that names what there is."""
    with pytest.raises(InputError, match=r"'last' does not apply .* 'mean', 'mean_all' and 'cls'"):
        load_model(tiny("vit"), device="cpu").encode(images, [Pooling("last")])
    for architecture in ("imagegpt", "siglip"):
        with pytest.raises(InputError, match=r"'cls' does not apply .* 'mean' and 'mean_all'"):
            load_image_model(architecture, tiny(architecture)).encode(images, [Pooling("cls")])


def test_images_come_as_paths_bytes_or_pictures(
    tiny: Callable[..., str], images: list[Image.Image], tmp_path: Any
) -> None:
    """The same picture gives the same states however it is handed over."""
    path = tmp_path / "picture.png"
    images[0].save(path)
    model = load_model(tiny("vit"), device="cpu")
    forms = [images[0], path, str(path), path.read_bytes()]
    # One by one: some processors round a row of a product by its place in the batch.
    states = [model.encode([form], [Pooling("mean")])["mean"] for form in forms]
    for other in states[1:]:
        np.testing.assert_array_equal(other, states[0])


def test_unreadable_images_are_named(
    tiny: Callable[..., str], images: list[Image.Image], tmp_path: Any
) -> None:
    """Broken bytes, a missing file and something that is no image each name the item."""
    model = load_model(tiny("vit"), device="cpu")
    buffer = io.BytesIO()
    images[0].save(buffer, "PNG")
    truncated = buffer.getvalue()[:200]
    for bad in (b"no image", truncated, tmp_path / "missing.png"):
        with pytest.raises(InputError, match="Item 1 cannot be read as an image"):
            model.encode([images[0], bad], [Pooling("mean")])
    with pytest.raises(InputError, match="item 0 is int"):
        model.encode([3], [Pooling("mean")])
    with pytest.raises(InputError, match="got 0"):
        model.encode([], [Pooling("mean")])


def test_two_towers_need_a_choice(tiny: Callable[..., str]) -> None:
    """CLIP without a tower is an error that says how to choose; so is a tower of a model with none."""
    with pytest.raises(InputError, match=r"two towers.*tower='text' or tower='vision'"):
        load_model(tiny("clip"), device="cpu")
    with pytest.raises(InputError, match="no two towers"):
        load_model(tiny("vit"), device="cpu", tower="vision")
    text = load_model(tiny("clip"), device="cpu", tower="text")
    vision = load_model(tiny("clip"), device="cpu", tower="vision")
    assert (text.modality, text.n_layers, text.n_features) == ("text", 4, 32)
    assert (vision.modality, vision.n_layers, vision.n_features) == ("image", 5, 40)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", TINY_TWO_TOWER_MODELS)
def test_text_towers_agree_with_reading_one_caption_at_a_time(
    architecture: str, dtype: str, tiny: Callable[..., str]
) -> None:
    """Means over real tokens and the end token of every layer, as the library gives them for each caption alone."""
    folder = tiny(architecture)
    model = load_model(folder, device="cpu", dtype=dtype, tower="text")
    captions = ["a photo of a cat", "two dogs", "snow on hills"]
    poolings = parse_poolings("mean,mean(3),last,eos")
    pooled = model.encode(captions, poolings)
    for i, caption in enumerate(captions):
        states, ids, special = text_states(folder, caption, dtype=dtype, tower="text")
        # SigLIP fills its context up with padding and reads the last position; CLIP reads its end token.
        end = len(ids) - 1
        for pooling in poolings:
            if pooling.kind == "eos":
                expected = np.stack([state[end] for state in states])
            else:
                expected = pool_naively(states, special, pooling)
            assert_states_close(pooled[str(pooling)][:, i], expected, dtype)


def test_eos_is_what_clip_pools(tiny: Callable[..., str]) -> None:
    """The eos of the last layer after the final norm is the library's own pooled output."""
    from transformers import AutoModel, AutoTokenizer

    folder = tiny("clip")
    caption = "a photo of a cat"
    with quiet_library():
        tower = AutoModel.from_pretrained(folder).text_model.eval()
        tokens = AutoTokenizer.from_pretrained(folder)(caption, return_tensors="pt")
    with torch.inference_mode():
        expected = (
            tower(**{key: tokens[key] for key in ("input_ids", "attention_mask")}).pooler_output[0].numpy()
        )
    found = load_model(folder, device="cpu", dtype="float32", tower="text", final_norm=True).encode(
        [caption], [Pooling("eos")]
    )
    np.testing.assert_allclose(found["eos"][-1, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("architecture", "limit"), [("clip", 22), ("siglip", 23)])
def test_long_captions_are_counted(architecture: str, limit: int, tiny: Callable[..., str]) -> None:
    """A caption beyond the tower's context is cut and counted; its end token is still read."""
    model = load_model(tiny(architecture), device="cpu", dtype="float32", tower="text")
    assert model.max_tokens == limit
    long = "a man in a red coat walks his three dogs"
    with pytest.warns(PlatoscopeWarning, match=f"1 of 2 items are longer than the {limit} tokens"):
        cut = model.encode([long, "short one"], parse_poolings("mean,eos"))
    whole = model.encode([long[:limit]], parse_poolings("mean,eos"))
    for name, states in whole.items():
        error = np.linalg.norm(cut[name][:, 0] - states[:, 0]) / np.linalg.norm(states)
        assert error < TOLERANCE["float32"]
