"""Names of files for names of the user's: of any script, sign and length, and never one for two."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["file_name"]

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.DOTALL)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


def file_name(name: str, /, *, ending: str = "", longest: int = 255) -> str:
    """Write a name as that of a file: readable, and different for every two names.

    Also where a disk takes capitals for small letters, or the two ways of writing é for one: lower-case letters and
    digits of any script, dots and dashes stand for themselves, an underscore for a space, and ``=28=`` for the
    character of that number. What is longer than file systems take is cut, with a digest of all of it.

    Parameters
    ----------
    name : str
        Any text.
    ending : str
        What follows it (".nc").
    longest : int
        Bytes of the whole.

    Examples
    --------
    >>> file_name("gemma-3-270m bible:en-it mean(20)", ending=".nc")
    'gemma-3-270m_bible=3a=en-it_mean=28=20=29=.nc'
    >>> file_name("m n"), file_name("m_n"), file_name("M n")
    ('m_n', 'm=5f=n', '=4d=_n')
    """
    written = "".join(_written(character) for character in name)
    if unicodedata.normalize("NFC", written) != written:
        written = "".join(_written(character, plain_only=True) for character in name)
    # A dot in front hides a file, and Windows knows no file of some names and drops a dot at the end.
    if _RESERVED.fullmatch(written) or written.startswith(".") or not written:
        written = f"={ord(written[0]):x}={written[1:]}" if written else "="
    if not ending and written.endswith("."):
        written = f"{written[:-1]}=2e="
    if len((written + ending).encode()) > longest:
        mark = "~" + hashlib.sha256(written.encode()).hexdigest()[:32]
        room = longest - len((mark + ending).encode())
        written = written.encode()[:room].decode(errors="ignore") + mark
    return written + ending


def _written(character: str, /, *, plain_only: bool = False) -> str:
    if character in _PLAIN:
        return character
    if character == " ":
        return "_"
    same = not plain_only and character.isalnum() and character == character.casefold()
    # Only what no disk writes in another way: not é as e and an accent, and no letter that is composed of others.
    if same and character == unicodedata.normalize("NFKC", character):
        return character
    return f"={ord(character):x}="
