"""Pictures for pages: small files that look the same."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from platoscope.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["shrink_picture"]

_WIDTHS = (1600, 1400, 1200, 1000, 800)  # in pixels; below, labels cannot be read
_COLORS = 256  # as many as a palette holds: lines, bands and a color map or two


def shrink_picture(source: Path, target: Path, /, *, limit: int = 200_000) -> None:
    """Copy a PNG with a palette, at the largest width whose file is below a limit.

    Parameters
    ----------
    source : pathlib.Path
        The picture.
    target : pathlib.Path
        Where the copy goes; its folder exists.
    limit : int, default: 200,000
        Bytes that the copy should not exceed. A picture that does not fit at the smallest width that can
        still be read is written at that width.

    Raises
    ------
    StorageError
        If `source` is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source) as opened:
            picture = opened.convert("RGB")
    except UnidentifiedImageError as error:
        message = f"{source} is no picture; draw the figures of its run again with `platoscope figures`"
        raise StorageError(message) from error
    for width in _WIDTHS:
        factor = min(1.0, width / picture.width)
        size = (round(picture.width * factor), round(picture.height * factor))
        small = picture.resize(size, Image.Resampling.LANCZOS) if factor < 1 else picture
        buffer = io.BytesIO()
        # Other methods give a thin line the color of a large area: two curves would look the same. Colors that were taken
        # are moved to the middle of those that they stand for, or a map would have tints that its scale has not.
        few = small.quantize(_COLORS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        few.save(buffer, format="PNG", optimize=True)
        if buffer.tell() <= limit:
            break
    target.write_bytes(buffer.getvalue())
