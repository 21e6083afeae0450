"""Opening images: from a path, encoded bytes or a PIL image to RGB pixels, when they are needed."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, overload

import numpy as np

from platoscope.arguments import function, positions
from platoscope.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageSource",
    "LazyImages",
    "check_image",
    "digest_image",
    "digest_pixels",
    "is_open_image",
    "open_image",
    "thumbnail",
]

ImageSource: TypeAlias = "str | PathLike[str] | bytes | Image.Image"

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


MAX_PIXELS = "PLATOSCOPE_MAX_PIXELS"
"""The variable with the most pixels that an image may have."""
_MOST_PIXELS = 50_000_000


class LazyImages(Sequence[bytes]):
    """Encoded images that stay where they are until one is asked for.

    Parameters
    ----------
    read : callable
        Gives the encoded bytes of a row of the source.
    rows : sequence of int
        The rows that this sequence shows, in its order.
    """

    def __init__(self, read: Callable[[int], bytes], rows: Sequence[int], /) -> None:
        function("read", read)
        self._read = read
        self._rows = tuple(positions("rows", rows, sys.maxsize))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int, /) -> bytes: ...
    @overload
    def __getitem__(self, index: slice, /) -> LazyImages: ...
    def __getitem__(self, index: int | slice, /) -> bytes | LazyImages:
        if isinstance(index, slice):
            return LazyImages(self._read, self._rows[index])
        return self._read(self._rows[index])

    def select(self, indices: Sequence[int], /) -> LazyImages:
        """Return these images only, in this order, still unread."""
        return LazyImages(self._read, [self._rows[i] for i in positions("indices", indices, len(self))])


def is_open_image(value: object, /) -> bool:
    """Tell whether this is an image of Pillow's, which is not imported for that."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(value, pillow.Image)


def check_image(source: object, name: str, /) -> None:
    """Refuse what is no image; that what is named can be read is known when it is.

    Raises
    ------
    InputError
        If it is something else, such as an array.
    """
    if not isinstance(source, str | bytes | PathLike) and not is_open_image(source):
        message = (
            f"{name} must be a path, encoded bytes or an image of Pillow's, got {type(source).__name__}. "
            "PIL.Image.fromarray makes one of an array of whole numbers from 0 to 255."
        )
        raise InputError(message)


def open_image(source: ImageSource, /) -> Image.Image:
    """Return the image as RGB pixels, transparency shown on white.

    Parameters
    ----------
    source : str, path, bytes or PIL.Image.Image
        A file, an encoded image (PNG, JPEG, WebP, ...), or an image that is already open.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, turned as its EXIF orientation says. Of an animation, the first frame. Gray of 16 bits is scaled
        to 8.

    Raises
    ------
    InputError
        If the file is missing or the content is no readable image; if its gray values have more than 16 bits or are
        no whole numbers, so that nothing says what is white; if it has more pixels than 50 million, or than
        `$PLATOSCOPE_MAX_PIXELS` (a picture takes some 10 to 20 bytes a pixel while it is read).
    MissingExtraError
        If Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        feature = "reading images"
        raise MissingExtraError(feature, "pillow", "pip install 'platoscope[models]'") from error

    if isinstance(source, Image.Image):
        opened: Image.Image = source
        _check_size(opened)
    else:
        check_image(source, "an image")
        try:
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else Path(source)) as file:
                _check_size(file)
                file.load()
                opened = file
        except InputError:
            raise
        # Pillow reports damaged files by many kinds of error (SyntaxError and struct.error among them).
        except Exception as error:
            what = f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
            message = (
                f"{what} cannot be read as an image: {error}. Check the file, or drop it (drop_unreadable)."
            )
            raise InputError(message) from error
    turned = _eight_bits(ImageOps.exif_transpose(opened), source)
    if turned.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in turned.info:
        rgba = turned.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return turned.convert("RGB")


def _check_size(image: Image.Image, /) -> None:
    """Refuse a picture that would fill the memory; its size is known before its pixels are read."""
    given = os.environ.get(MAX_PIXELS) or str(_MOST_PIXELS)
    if not given.isdecimal():
        message = f"{MAX_PIXELS} must be a whole number of pixels, got {given!r}."
        raise InputError(message)
    most = int(given)
    if image.width * image.height > most:
        message = (
            f"an image of {image.width:,} × {image.height:,} pixels is larger than {most:,} pixels in all. Make it smaller "
            f"(models see a few hundred in each direction), or set {MAX_PIXELS} to more."
        )
        raise InputError(message)


def _eight_bits(image: Image.Image, source: ImageSource, /) -> Image.Image:
    """Scale gray of 16 bits, which Pillow would cut off at 255; refuse what has no known white."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32_767) // 65_535).astype(np.uint8))
    if image.mode in ("I", "F"):
        what = source if isinstance(source, str | PathLike) else "an image"
        message = (
            f"{what} has {'whole numbers of 32 bits' if image.mode == 'I' else 'floating-point numbers'} for gray values, "
            "and nothing says which is white. Save it with 8 or 16 bits."
        )
        raise InputError(message)
    return image


def digest_image(source: ImageSource, /) -> bytes:
    """Return the SHA-256 of an image as it is stored: its file's bytes, or the pixels of an open image."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).digest()
    if isinstance(source, str | PathLike):
        try:
            with Path(source).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            message = (
                f"the image {source} cannot be read: {error.strerror or error}. Check the file, or drop it."
            )
            raise InputError(message) from error
    head = f"{source.mode} {source.size[0]} {source.size[1]}\n".encode()
    return hashlib.sha256(head + source.tobytes()).digest()


def digest_pixels(source: ImageSource, /) -> bytes:
    """Return the SHA-256 of the RGB pixels that a model would see, whatever the file format."""
    return digest_image(open_image(source))


def thumbnail(source: ImageSource, /, *, longest: int = 96) -> bytes:
    """Return a small copy of an image as WebP, of at most so many pixels on its longer side.

    Raises
    ------
    InputError, MissingExtraError
        As `open_image`.
    """
    small = open_image(source)
    small.thumbnail((longest, longest))
    written = io.BytesIO()
    small.save(written, "WEBP", quality=70)
    return written.getvalue()
