"""Images: RGB pixels from whatever a user has."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

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
