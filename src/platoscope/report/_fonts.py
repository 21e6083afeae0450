"""Letters of all writing systems: fonts for what the font of the style sheet lacks, where they are installed."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, Final

from platoscope.report.style import FONT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

__all__ = ["FALLBACKS", "use_fallback_fonts"]

FALLBACKS: Final = (
    *(
        "Noto Sans CJK JP",
        "Noto Sans CJK SC",
        "Noto Sans JP",
        "Noto Sans SC",
        "Noto Sans KR",
        "Source Han Sans",
    ),
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS"),
    *("Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Nirmala UI", "Leelawadee UI", "Ebrima", "Segoe UI"),
    *("IPAexGothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "NanumGothic"),
    *("Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali"),
    *(
        "Noto Sans Tamil",
        "Noto Sans Telugu",
        "Noto Sans Kannada",
        "Noto Sans Malayalam",
        "Noto Sans Gujarati",
    ),
    *("Noto Sans Gurmukhi", "Noto Sans Sinhala", "Noto Sans Thai", "Noto Sans Lao", "Noto Sans Khmer"),
    *(
        "Noto Sans Myanmar",
        "Noto Sans Ethiopic",
        "Noto Sans Georgian",
        "Noto Sans Armenian",
        "Lohit Devanagari",
    ),
    *("FreeSans", "Unifont"),
)
"""Fonts that are asked in this order for a letter that the style sheet's font lacks."""


def use_fallback_fonts(figures: Sequence[Figure], /) -> str:
    """Give the texts of figures the installed fonts that have the letters they need; other texts stay as they are.

    Parameters
    ----------
    figures : sequence of matplotlib.figure.Figure
        Drawn, and not laid out yet: letters of another font have another width.

    Returns
    -------
    str
        The letters that no font has, in their order; figures show them as boxes.
    """
    from matplotlib.text import Text

    texts = {
        text: _letters(text.get_text()) - _has(FONT) for figure in figures for text in figure.findobj(Text)
    }
    missing: set[str] = set().union(*texts.values())
    families = [FONT]
    for name in FALLBACKS if missing else ():
        if missing & _has(name):
            families.append(name)
            missing -= _has(name)
    for text, letters in texts.items():
        if letters and len(families) > 1:
            text.set_fontfamily(families)
    return "".join(sorted(missing))


def _letters(text: str, /) -> frozenset[str]:
    """Return what needs a glyph: no breaks of lines, no marks without a shape."""
    return frozenset(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cf"))


@functools.cache
def _has(name: str, /) -> frozenset[str]:
    """Return all letters of an installed font; none for one that is not installed."""
    from matplotlib import font_manager

    if name not in font_manager.get_font_names():
        return frozenset()
    font = font_manager.get_font(font_manager.findfont(name))
    return frozenset(map(chr, font.get_charmap()))
