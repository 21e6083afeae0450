"""Every name has a file of its own, on every system."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.filenames import file_name

NAMES = st.one_of(
    st.text(alphabet="aA_ -:=~3é\u0301.", max_size=6),
    st.text(max_size=8),
    st.sampled_from(["con", "CON", "nul.x", "", "=", ".", ".."]),
)


@given(st.lists(NAMES, min_size=2, max_size=5, unique=True))
def test_no_two_names_share_a_file(names: list[str]) -> None:
    """Nor do they on a disk that knows no capitals, or writes é in one of two ways."""
    files = [file_name(name, ending=".nc") for name in names]
    for form in ("NFC", "NFD", "NFKC"):
        assert len({unicodedata.normalize(form, file).casefold() for file in files}) == len(names)


@given(NAMES)
def test_every_file_system_takes_the_name(name: str) -> None:
    """No separator, no sign that Windows refuses, no hidden file, no more bytes than 255."""
    for file in (file_name(name), file_name(name, ending=".nc")):
        assert not re.search(r'[\x00-\x1f<>:"/\\|?*]', file)
        assert not file.startswith(".")
        assert not file.endswith((".", " "))
        assert 0 < len(file.encode()) <= 255


@pytest.mark.parametrize("sign", ["y", "語", "(", "Ä"])
def test_long_names_are_cut_and_stay_different(sign: str) -> None:
    """What is cut away decides the digest at the end."""
    files = {file_name(sign * 300 + str(i), ending=".nc") for i in range(50)}
    assert len(files) == 50
    assert all(len(file.encode()) <= 255 and file.endswith(".nc") for file in files)
    assert file_name("y" * 252, ending=".nc") == "y" * 252 + ".nc"


def test_names_stay_readable() -> None:
    """Letters of any script stand for themselves, and a digest tells apart what looks alike."""
    assert file_name("en-it_3.1", ending=".nc") == "en-it_3.1.nc"
    assert re.fullmatch(r"日本語_übung_3\.1~[0-9a-f]{16}\.nc", file_name("日本語 Übung (3.1)", ending=".nc"))
    assert re.fullmatch(r"d_20~[0-9a-f]{16}\.nc", file_name("D = 20", ending=".nc"))
    assert re.fullmatch(r"con~[0-9a-f]{16}\.nc", file_name("con", ending=".nc"))
