"""Cards: what records show in a notebook, with everything from outside as text."""

from __future__ import annotations

import pytest

from platoscope.cards import Picture, card, cut

EVIL = "<script>alert('x')</script>&\"<b>"


def test_nothing_from_outside_is_markup() -> None:
    """Title, names, values, headers, cells and what is behind the line are all escaped."""
    html = card(EVIL, {EVIL: EVIL}, header=(EVIL,), rows=[(EVIL,)], more={EVIL: {"deep": [EVIL]}})
    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") == 7


def test_long_values_are_cut() -> None:
    """A card stays small whatever it is given, and says how many rows there are."""
    html = card("x" * 10_000, {"y": "z" * 10_000}, rows=[("a" * 10_000,)] * 1_000)
    assert len(html) < 8_000
    assert "… and 988 more" in html


def test_what_has_no_value_has_no_line() -> None:
    """Zero is a value; None, empty texts and empty mappings are none."""
    html = card("t", {"zero": 0, "none": None, "text": "", "map": {}})
    assert "zero" in html
    assert "none" not in html
    assert html.count("<tr>") == 1


def test_pictures_are_in_the_page() -> None:
    """A picture is loaded from nowhere else."""
    assert 'src="data:image/webp;base64,YWJj"' in card("t", {}, rows=[(Picture(b"abc"),)])


@pytest.mark.parametrize(("text", "short"), [("a\n\tb", "a b"), ("x" * 11, "x" * 9 + "…"), (7, "7")])
def test_texts_are_cut_to_one_line(text: object, short: str) -> None:
    """White space is one blank, and what is longer ends in an ellipsis."""
    assert cut(text, 10) == short
