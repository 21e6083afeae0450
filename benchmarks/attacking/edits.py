"""Edits of whole files, as strategies of Hypothesis: of bytes, of the encoding, and of the structure of what they hold."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Whole",
    "edited",
    "edited_gzip",
    "edited_header",
    "edited_json",
    "edited_lines",
    "edited_tar",
    "edited_toml",
    "edited_zip",
]

_INSERTS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\r", b"\n", b"\xe2\x80\xa8", b'"', b"<", b"&nope;", b"[" * 3000,
    b"{}", b"NaN", b"1e999", b"-1", b"9" * 400, b"\\ud800", b",", b"\t", b"\xff" * 64, b"null", b"%s{}$",
)  # fmt: skip
_ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "cp1252", "utf-32", "utf-7")
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**63, -(2**70), 10**400, 1e308, float("nan"), float("inf"), "", " ", "a", "\0",
    "\ud800", "x" * 10_000, "NaN", "__proto__", "../../etc", [], {}, [None], [[]], [1, 2, 3], {"a": 1},
)  # fmt: skip
_TOML_VALUES = (
    "true", "-1", "0", "1.5", "nan", "inf", "9223372036854775807", '""', '"x"', '"\\u0000"', "[]", "{}", "[1, 2]", '["x"]',
    "1979-05-27", "1e999", "[[[]]]", "{ a = 1 }", "9" * 30, "",
)  # fmt: skip
_MOST = 3
_LENGTHS = (0, 1, 8, 200)


class Whole(bytes):
    """A file that strategies start from; Hypothesis writes out what they are made of."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@st.composite
def edited(draw: st.DrawFn, content: bytes) -> bytes:
    """Edit the bytes at one to three places, or write the text in another encoding."""
    for _ in range(draw(st.integers(1, _MOST))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.sampled_from(_LENGTHS)))
        piece = content[start:stop]
        kind = draw(
            st.sampled_from(["cut off", "drop", "repeat", "insert", "replace", "flip", "splice", "encode"])
        )
        if kind == "cut off":
            content = content[:start]
            continue
        if kind == "encode":
            content = _encoded(content, draw(st.sampled_from(_ENCODINGS)))
            continue
        if kind in ("insert", "replace"):
            inserted = draw(st.one_of(st.sampled_from(_INSERTS), st.binary(max_size=16)))
            piece = inserted if kind == "replace" else inserted + piece
        elif kind == "flip":
            mask = draw(st.integers(1, 255))
            piece = bytes(byte ^ mask for byte in piece)
        elif kind == "splice":
            other = draw(st.integers(0, len(content)))
            piece = content[other : other + draw(st.sampled_from(_LENGTHS))]
        else:
            piece = b"" if kind == "drop" else piece * 3
        content = content[:start] + piece + content[stop:]
    return content


def _encoded(content: bytes, encoding: str) -> bytes:
    try:
        return content.decode("utf-8").encode(encoding)
    except UnicodeError:
        return content


@st.composite
def edited_json(draw: st.DrawFn, content: bytes) -> bytes:
    """Drop, add, rename and replace parts of what JSON holds, and write it again."""
    value = json.loads(content)
    for _ in range(draw(st.integers(1, _MOST))):
        value = _edited_value(draw, value)
    return json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


def _edited_value(draw: st.DrawFn, value: Any) -> Any:
    """Walk down to a part, and edit it."""
    if not value or not isinstance(value, dict | list) or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(_VALUES))
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key: Any = draw(st.sampled_from(keys))
    kind = draw(st.sampled_from(["down", "down", "drop", "twice", "rename"]))
    edit = dict(value) if isinstance(value, dict) else list(value)
    if kind == "down":
        edit[key] = _edited_value(draw, value[key])
    elif kind == "drop":
        del edit[key]
    elif isinstance(edit, list):
        edit.insert(key, edit[key])
    else:
        name = draw(st.sampled_from(["", "id", "x", *map(str, keys)]))
        edit[name] = edit[key] if kind == "twice" else edit.pop(key)
    return edit


@st.composite
def edited_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """Edit the JSON of one line, or drop, repeat and exchange lines."""
    lines = content.split(b"\n")
    number = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["json", "drop", "repeat", "empty", "exchange"]))
    if kind == "json" and lines[number].strip():
        lines[number] = draw(edited_json(lines[number]))
    elif kind == "drop":
        del lines[number]
    elif kind == "repeat":
        lines.insert(number, lines[number])
    elif kind == "empty":
        lines.insert(number, draw(st.sampled_from([b"", b" ", b"\r", b"\t", b"\0"])))
    else:
        lines[number], lines[0] = lines[0], lines[number]
    return b"\n".join(lines)


@st.composite
def edited_gzip(draw: st.DrawFn, content: bytes) -> bytes:
    """Edit the lines inside a compressed file, which is whole again afterwards."""
    return gzip.compress(draw(edited_lines(gzip.decompress(content))), compresslevel=1, mtime=0)


@st.composite
def edited_toml(draw: st.DrawFn, content: bytes) -> bytes:
    """Replace values, rename keys, drop and repeat lines of TOML."""
    text = content.decode("utf-8")
    for _ in range(draw(st.integers(1, _MOST))):
        found = list(re.finditer(r"(?m)(\w+) = (\"[^\"]*\"|\[[^\]]*\]|[^,}\n]+)", text))
        if not found:
            break
        match = draw(st.sampled_from(found))
        kind = draw(st.sampled_from(["value", "value", "key", "drop", "twice"]))
        if kind == "value":
            edit = f"{match[1]} = {draw(st.sampled_from(_TOML_VALUES))}"
        elif kind == "key":
            edit = f"{draw(st.sampled_from(['x', 'label', 'n', 'model', '']))} = {match[2]}"
        else:
            edit = "" if kind == "drop" else f"{match[0]}\n{match[0]}"
        text = text[: match.start()] + edit + text[match.end() :]
    return text.encode("utf-8")


@st.composite
def edited_header(draw: st.DrawFn, content: bytes) -> bytes:
    """Edit the JSON in front of the numbers of a safetensors file, under its new length."""
    length = int.from_bytes(content[:8], "little")
    header = draw(edited_json(content[8 : 8 + length]))
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


@st.composite
def edited_zip(draw: st.DrawFn, content: bytes) -> bytes:
    """Edit a file inside a ZIP archive, which then has the checksum of what was made of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    _edit_member(draw, members, edited)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return out.getvalue()


@st.composite
def edited_tar(draw: st.DrawFn, content: bytes) -> bytes:
    """Edit a file inside a compressed TAR archive, which is whole again afterwards."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        entries = [entry for entry in archive.getmembers() if entry.isfile()]
        members = {entry.name: archive.extractfile(entry).read() for entry in entries}  # type: ignore[union-attr]
    _edit_member(draw, members, edited)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, member in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(member)
            archive.addfile(entry, io.BytesIO(member))
    return out.getvalue()


def _edit_member(
    draw: st.DrawFn, members: dict[str, bytes], edit: Callable[[bytes], st.SearchStrategy[bytes]]
) -> None:
    name = draw(st.sampled_from(sorted(members)))
    kind = draw(st.sampled_from(["edit", "edit", "edit", "drop", "rename"]))
    member = members.pop(name)
    if kind == "edit":
        as_json = name.endswith(".json") and draw(st.booleans())
        members[name] = draw(edited_json(member) if as_json else edit(member))
    elif kind == "rename":
        members[draw(st.sampled_from(["x", "../x", "/x", "a.npy", "platoscope.npy"]))] = member
