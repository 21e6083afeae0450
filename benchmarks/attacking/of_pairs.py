"""Readers of pairs and pictures, held against what Python and the libraries of the formats read."""

from __future__ import annotations

import csv
import gzip
import io
import json
import xml.etree.ElementTree as ET
from contextlib import redirect_stderr
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import pyarrow as pa
import pyarrow.parquet as parquet
from hypothesis import strategies as st
from PIL import Image

from attacking import things
from attacking.edits import edited_gzip, edited_json, edited_lines
from attacking.readers import ANYTHING, Reader, reader_of
from datasets import Dataset
from platoscope.datasets import load_pairs, open_image
from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["PAIRS", "readers_of_pairs"]

PAIRS = (
    "JSONL", "JSONL (.gz)", "JSON", "CSV", "TSV", "TMX", "Parquet", "aligned text", "documents of OPUS (.ids)",
    "folder of save_to_disk", "image (PNG)", "image (JPEG)", "image (WEBP)",
    "image (TIFF)", "image (BMP)", "image (GIF)",
)  # fmt: skip
_COLUMNS = ("id", "en", "it")
_HEAD = ("en", "it")
_XML = "{http://www.w3.org/XML/1998/namespace}lang"

Rows = list[dict[str, str]]


def readers_of_pairs(scratch: Path, /) -> list[Reader]:
    """Write a file of each format, and say how it is read."""
    texts = things.sentences(24)
    rows = [{"id": str(i), "en": texts[i], "it": texts[i + 12]} for i in range(12)]
    return [
        *_tables(scratch, rows),
        _aligned(scratch, rows),
        _documents(scratch, rows),
        _on_disk(scratch, rows),
        *_images(scratch),
    ]


def _tables(scratch: Path, rows: Rows) -> list[Reader]:
    others = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=20), st.text(max_size=20)), max_size=5)
    made = others.map(lambda found: [dict(zip(_COLUMNS, row, strict=True)) for row in found])
    written: dict[str, tuple[Callable[[Rows], bytes], Callable[[bytes], Any], str, Any]] = {
        "jsonl": (_jsonl, _of_jsonl, "json, line by line", [edited_lines]),
        "jsonl.gz": (_gzip, _of_gzip, "gzip and json, line by line", [edited_gzip]),
        "json": (_json, _of_json, "json", [edited_json]),
        "csv": (_csv, _of_csv, "csv", []),
        "tsv": (_tsv, _of_tsv, "its lines, split at tabs", []),
        "tmx": (
            _tmx,
            _of_tmx,
            "xml.etree, in plain units",
            [],
        ),
        "parquet": (_parquet, _of_parquet, "pyarrow", []),
    }
    found = []
    for ending, (write, judge, judge_name, edits) in written.items():
        file = scratch / f"pairs.{ending}"
        file.write_bytes(write(rows))
        name = {"parquet": "Parquet", "jsonl.gz": "JSONL (.gz)"}.get(ending, ending.upper())
        found.append(
            reader_of(name, file, _pairs_in(file), judge, judge_name, edits=edits, made=made.map(write))
        )
    return found


def _pairs_in(file: Path) -> Callable[[], Any]:
    def read() -> Any:
        found = load_pairs(f"{file}:en,it", keep_duplicates=True)
        if "image" in (found.a.modality, found.b.modality):
            message = "the texts are taken for paths of images, by their endings"
            raise InputError(message)
        return list(found.a.items), list(found.b.items)

    return read


def _both(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Take both sides out of rows, without the pairs of which one is blank; what is no text is nothing to be read."""
    pairs = []
    for row in rows:
        pair = ["" if row[name] is None or row[name] != row[name] else row[name] for name in _HEAD]
        if not all(isinstance(text, str) for text in pair):
            message = f"{pair} is no pair of texts"
            raise TypeError(message)
        if all(text.strip() for text in pair):
            pairs.append([text.strip() for text in pair])
    return [a for a, _ in pairs], [b for _, b in pairs]


def _text_of(content: bytes) -> str:
    return content.decode("utf-8-sig")


def _jsonl(rows: Rows) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def _of_jsonl(content: bytes) -> Any:
    return _both(_flat(json.loads(line)) for line in _text_of(content).split("\n") if line.strip())


def _gzip(rows: Rows) -> bytes:
    return gzip.compress(_jsonl(rows), mtime=0)


def _of_gzip(content: bytes) -> Any:
    return _of_jsonl(gzip.decompress(content))


def _json(rows: Rows) -> bytes:
    return json.dumps(rows).encode()


def _of_json(content: bytes) -> Any:
    try:
        found = json.loads(_text_of(content))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return _of_jsonl(content)
        raise
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        return ANYTHING
    return _both(map(_flat, found))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    nested = row.get("translation")
    return {**row, **nested} if isinstance(nested, dict) else row


def _csv(rows: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _of_csv(content: bytes) -> Any:
    before = csv.field_size_limit(2**31 - 1)
    try:
        rows = [row for row in csv.reader(io.StringIO(_text_of(content), newline=""), strict=True) if row]
    finally:
        csv.field_size_limit(before)
    return _both(_named(rows))


def _named(rows: list[list[str]]) -> list[dict[str, str]]:
    head, *body = rows
    return [dict(zip(head, row, strict=True)) for row in body]


def _tsv(rows: Rows) -> bytes:
    return "\n".join("\t".join(row) for row in (_COLUMNS, *(row.values() for row in rows))).encode()


def _of_tsv(content: bytes) -> Any:
    lines = [line.removesuffix("\r") for line in _text_of(content).split("\n")]
    return _both(_named([line.split("\t") for line in lines if line]))


def _tmx(rows: Rows) -> bytes:
    root = ET.Element("tmx", version="1.4")
    ET.SubElement(root, "header")
    body = ET.SubElement(root, "body")
    for row in rows:
        unit = ET.SubElement(body, "tu")
        for language in _HEAD:
            variant = ET.SubElement(unit, "tuv", {"xml:lang": language})
            ET.SubElement(variant, "seg").text = row[language]
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _of_tmx(content: bytes) -> Any:
    try:
        root = ET.fromstring(content)
    except ET.ParseError:
        expat.ParserCreate().Parse(
            content, True
        )  # what is wrong with its namespaces alone is well-formed XML
        return ANYTHING
    rows = []
    for unit in root.iter("tu"):
        texts = [(variant.get(_XML), list(variant)) for variant in unit]
        plain = [language for language, _ in texts] == list(_HEAD) and all(
            len(inside) == 1 and inside[0].tag == "seg" and not len(inside[0]) for _, inside in texts
        )
        if not plain or [variant.tag for variant in unit] != ["tuv"] * 2:
            return ANYTHING
        rows.append({str(language): inside[0].text or "" for language, inside in texts})
    return _both(rows)


def _parquet(rows: Rows) -> bytes:
    out = io.BytesIO()
    schema = pa.schema([(name, pa.string()) for name in _COLUMNS])
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    return out.getvalue()


def _of_parquet(content: bytes) -> Any:
    return _both(map(_flat, parquet.read_table(io.BytesIO(content)).to_pylist()))


def _aligned(scratch: Path, rows: Rows) -> Reader:
    left, right = scratch / "text.en", scratch / "text.it"
    for side, name in ((left, "en"), (right, "it")):
        side.write_text("".join(f"{row[name]}\n" for row in rows), encoding="utf-8")

    def read() -> Any:
        found = load_pairs(f"{left},{right}", keep_duplicates=True)
        return list(found.a.items), list(found.b.items)

    def judge(content: bytes) -> Any:
        lines = _text_of(content).split("\n")
        lines = lines[:-1] if not lines[-1] else lines
        return _both({"en": row["en"], "it": line} for row, line in zip(rows, lines, strict=True))

    made = st.lists(st.text(max_size=20).filter(lambda text: "\n" not in text), min_size=12, max_size=12).map(
        lambda lines: "\n".join(lines).encode()
    )
    return reader_of("aligned text", right, read, judge, "its lines", made=made)


def _documents(scratch: Path, rows: Rows) -> Reader:
    left, right, ids = (scratch / f"opus.{ending}" for ending in ("en", "it", "ids"))
    for side, name in ((left, "en"), (right, "it")):
        side.write_text("".join(f"{row[name]}\n" for row in rows), encoding="utf-8")
    ids.write_text("".join(f"en/{i % 3}\tit/{i % 3}\t{i}\t{i}\n" for i in range(len(rows))), encoding="utf-8")

    def judge(content: bytes) -> Any:
        text = _text_of(content)
        lines = [line.removesuffix("\r").split("\t") for line in text.removesuffix("\n").split("\n")]
        if len(lines) != len(rows) or any(len(line) != 4 for line in lines):
            message = "this is not one document for each line"
            raise ValueError(message)
        return tuple(line[0] for line in lines)

    def read() -> Any:
        return load_pairs(f"{left},{right}", keep_duplicates=True).strata

    return reader_of("documents of OPUS (.ids)", ids, read, judge, "its lines, split at tabs")


def _on_disk(scratch: Path, rows: Rows) -> Reader:
    folder = scratch / "saved"
    with redirect_stderr(io.StringIO()):  # a bar
        Dataset.from_list(rows).save_to_disk(str(folder))
    (file,) = folder.glob("*.arrow")

    def judge(content: bytes) -> Any:
        with pa.ipc.open_stream(content) as stream:
            return _both(stream.read_all().to_pylist())

    return reader_of("folder of save_to_disk", file, _pairs_in(folder), judge, "pyarrow")


def _images(scratch: Path) -> list[Reader]:
    found = []
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"):
        file = scratch / f"picture.{kind.lower()}"
        file.write_bytes(things.picture(0, kind))
        made = st.integers(1, 9).map(lambda seed, kind=kind: things.picture(seed, kind))
        found.append(
            reader_of(
                f"image ({kind})",
                file,
                _pixels_in(file),
                _pixels_of,
                "Pillow, where it is RGB",
                made=made,
            )
        )
    return found


def _pixels_in(file: Path) -> Callable[[], Any]:
    def read() -> Any:
        found = open_image(file)
        return sorted(found.size), _sorted_pixels(found)

    return read


def _pixels_of(content: bytes) -> Any:
    with Image.open(io.BytesIO(content)) as found:
        found.load()
        return (
            ANYTHING
            if found.mode != "RGB" or "transparency" in found.info
            else (sorted(found.size), _sorted_pixels(found))
        )


def _sorted_pixels(image: Image.Image) -> bytes:
    """Give the pixels in an order that no turning changes."""
    return b"".join(sorted(bytes(pixel) for pixel in image.getdata()))
