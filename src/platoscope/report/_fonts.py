"""Letters of all writing systems: fonts for what the font of the style sheet lacks, where they are installed."""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, Final

from platoscope.report.style import FONT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["BOXES", "FALLBACKS", "LAST_RESORT", "show_letters", "use_fallback_fonts"]

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


LAST_RESORT: Final = "Last Resort High-Efficiency"
"""Has a box for every letter, and ships with Matplotlib, which warns once per letter where it is not asked for by name."""

BOXES: Final = "no installed font has the letters"
"""What the warning begins with."""


def show_letters(ax: Axes, /) -> str:
    """Let all texts of Axes show letters of every writing system, in the fonts that they have and installed ones.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Drawn.

    Returns
    -------
    str
        The letters that no font has; a box stands for each.
    """
    from matplotlib.text import Text

    # What has the last resort was looked at before, by a function that this one calls.
    new = [text for text in ax.findobj(Text) if LAST_RESORT not in text.get_fontfamily()]
    return _fall_back(new, last=(LAST_RESORT,))


def use_fallback_fonts(figures: Sequence[Figure], /) -> str:
    """Give the texts of figures the installed fonts that have the letters they need; other texts stay as they are.

    Parameters
    ----------
    figures : sequence of matplotlib.figure.Figure
        Drawn in the style sheet, and not laid out yet: letters of another font have another width.

    Returns
    -------
    str
        The letters that no font has, in their order; figures show them as boxes.
    """
    from matplotlib.text import Text

    return _fall_back([text for figure in figures for text in figure.findobj(Text)], own=(FONT,))


def _fall_back(texts: Sequence[Text], /, *, own: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> str:
    """Give texts further fonts for what their own lack, which is what they are drawn in where `own` says nothing."""
    first = {text: own or tuple(text.get_fontfamily()) for text in texts}
    lacking = {text: _letters(text.get_text()) - _of_all(families) for text, families in first.items()}
    missing: set[str] = set().union(*lacking.values())
    further = []
    for name in FALLBACKS if missing else ():
        if missing & _has(name):
            further.append(name)
            missing -= _has(name)
    for text, letters in lacking.items():
        ends = last if letters & missing else ()
        if letters and (further or ends):
            text.set_fontfamily([*first[text], *further, *ends])
    return "".join(sorted(missing))


def _of_all(families: tuple[str, ...], /) -> frozenset[str]:
    return frozenset().union(*(_letters_of(_file_of(family)) for family in families))


def _file_of(family: str, /) -> str:
    """Return the font that Matplotlib takes for a family now: what ``sans-serif`` is says the user's settings."""
    from matplotlib import font_manager

    return str(font_manager.findfont(font_manager.FontProperties(family=[family])))


def _letters(text: str, /) -> frozenset[str]:
    """Return what needs a glyph: no breaks of lines, no marks without a shape."""
    return frozenset(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cf"))


@functools.cache
def _has(name: str, /) -> frozenset[str]:
    """Return all letters of an installed font; none for one that is not installed."""
    from matplotlib import font_manager

    return _letters_of(_file_of(name)) if name in font_manager.get_font_names() else frozenset()


@functools.cache
def _letters_of(file: str, /) -> frozenset[str]:
    from matplotlib import font_manager

    return frozenset(map(chr, font_manager.get_font(file).get_charmap()))
