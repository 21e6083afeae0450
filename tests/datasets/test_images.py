"""Images: RGB pixels from whatever a user has."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from platoscope.datasets import open_image
from platoscope.datasets.images import digest_pixels
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_transparency_is_shown_on_white() -> None:
    """Half-transparent red becomes pink, full transparency white, whatever color hides beneath."""
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 128))
    opened = open_image(_png(image))
    assert opened.mode == "RGB"
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (255, 127, 127)]


def test_sixteen_bits_are_scaled_to_eight() -> None:
    """Gray of 16 bits keeps its order from black to white; Pillow alone would show all above 255 as white."""
    values = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    shown = np.asarray(open_image(_png(Image.fromarray(values))))
    assert shown[0, :, 0].tolist() == [0, 1, 128, 255]
    pictures = [np.random.default_rng(i).integers(300, 60_000, (8, 8)).astype(np.uint16) for i in range(6)]
    assert len({digest_pixels(_png(Image.fromarray(picture))) for picture in pictures}) == 6


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_gray_without_a_known_white_is_refused(tmp_path: Path, dtype: type) -> None:
    """Nothing says what 32 bits or floating-point numbers mean, so no guess turns them white or black."""
    Image.fromarray(np.full((4, 4), 700, dtype)).save(tmp_path / "g.tiff")
    with pytest.raises(InputError, match=r"g\.tiff has .* nothing says which is white. Save it with 8 or 16"):
        open_image(tmp_path / "g.tiff")


def test_very_large_images_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size stands in the head of a file; the message names the variable that allows more."""
    image = _png(Image.new("L", (30, 20)))
    monkeypatch.setenv("PLATOSCOPE_MAX_PIXELS", "599")
    with pytest.raises(
        InputError, match=r"30 × 20 pixels is larger than 599 .* PLATOSCOPE_MAX_PIXELS to more"
    ):
        open_image(image)
    monkeypatch.setenv("PLATOSCOPE_MAX_PIXELS", "600")
    assert open_image(image).size == (30, 20)
    monkeypatch.setenv("PLATOSCOPE_MAX_PIXELS", "many")
    with pytest.raises(InputError, match="PLATOSCOPE_MAX_PIXELS must be a whole number"):
        open_image(image)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    """Gray, palette, CMYK and 16-bit images open too."""
    assert open_image(Image.new(mode, (3, 2))).mode == "RGB"


def test_palette_transparency_counts_as_transparency() -> None:
    """A GIF-like palette image with a transparent index shows white there."""
    image = Image.new("P", (1, 1), 0)
    image.putpalette([10, 20, 30])
    image.info["transparency"] = 0
    assert open_image(image).getpixel((0, 0)) == (255, 255, 255)


def test_exif_orientation_is_applied() -> None:
    """A photograph taken on its side is turned."""
    image = Image.new("RGB", (4, 2))
    exif = image.getexif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    assert open_image(buffer.getvalue()).size == (2, 4)


def test_path_bytes_and_open_image_are_the_same_pixels(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """Pixels decide whether two images are duplicates, not the format of the file."""
    path = tmp_path / "x.png"
    path.write_bytes(encode(3))
    lossless = io.BytesIO()
    Image.open(path).save(lossless, "BMP")
    sources = (path, str(path), path.read_bytes(), Image.open(path), lossless.getvalue())
    assert len({digest_pixels(source) for source in sources}) == 1


def test_what_is_no_image_is_named(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    """Missing, empty and truncated files are input errors that name the file."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(encode(0)[:60])
    empty = tmp_path / "empty.png"
    empty.touch()
    for path in (broken, empty, tmp_path / "missing.png"):
        with pytest.raises(InputError, match=path.name):
            open_image(path)
    with pytest.raises(InputError, match="5 bytes cannot be read as an image"):
        open_image(b"hello")
