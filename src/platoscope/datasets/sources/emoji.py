"""Emoji: one drawing by each of two vendors, and their names and keywords in seven languages."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from platoscope.datasets.archives import Package, open_package
from platoscope.datasets.folders import data_folder
from platoscope.datasets.request import DatasetInfo, DatasetSource, Request, no_variant, one_of
from platoscope.datasets.stored import is_stored, load_stored, new_folder, titled, write_rows
from platoscope.errors import InputError, MissingExtraError, guarded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platoscope.datasets.pairs import Pairs

__all__ = ["CAPTIONS", "IMAGES", "prepare"]

GOOGLE = "emoji-datasource-google"
FLUENT = "@lobehub/fluent-emoji-3d"
CLDR = "cldr-annotations-full"
VERSIONS = {GOOGLE: "16.0.0", FLUENT: "1.1.0", CLDR: "48.2.0"}
INTEGRITY = {
    GOOGLE: "sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
    FLUENT: "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
    CLDR: "sha512-DV7A+rEcgUSNTRsVGNGqBZRmAkGfwhGHO5Q1dRwzBoBnVrHWp804JP7/QJdEc66iHmx3+zLWVIMCFLm0lW7PUQ==",
}
"""What `npm view NAME@VERSION dist.integrity` says of these versions."""
LANGUAGES = ("en", "it", "es", "fr", "de", "nl", "hu")
HOW_TO_GET = (
    "npm pack "
    + " ".join(f"{name}@{version}" for name, version in VERSIONS.items())
    + ", then platoscope data prepare emoji *.tgz"
)

# Flags differ by their colors only, and components (skin tones, hair) are no things.
_FILES = {"google": "img/google/64/{}.png", "fluent": "assets/{}.webp"}
"""Where the packages have the image of an emoji."""
_LEFT_OUT = frozenset({"Flags", "Component"})


def load_images(request: Request) -> Pairs:
    """Load one pair per emoji: Google's drawing (side `a`) and Microsoft's (side `b`)."""
    no_variant(request)
    return replace(_stored(request, ("google", "fluent")), name="emoji")


def load_captions(request: Request) -> Pairs:
    """Load Google's drawings with captions such as "snowboarder: ski, snow, snowboard, sport"."""
    language = one_of(request, LANGUAGES, "en")
    pairs = _stored(request, ("google", f"caption_{language}"))
    return replace(
        pairs,
        name=f"emoji-captions:{language}",
        a=replace(pairs.a, name="image"),
        b=replace(pairs.b, name=language),
        provenance={**pairs.provenance, "languages": [language]},
    )


def prepare(sources: Sequence[Path], out: Path) -> Path:
    """Make the data set from the npm packages: tarballs or folders, in any order.

    Parameters
    ----------
    sources : sequence of Path
        The two image packages, and (for the captions) the one with the annotations.
    out : Path
        The folder to make.

    Raises
    ------
    InputError
        If one of the image packages is not among them, or an archive is not what its version is.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(open_package(path)) for path in sources]
        packages = {package.name: package for package in opened}
        for path, package in zip(sources, opened, strict=True):
            _check_content(path, package)
        for name in (GOOGLE, FLUENT):
            if name not in packages:
                message = f"the emoji need the package {name}, got {sorted(packages)}. Run: {HOW_TO_GET}"
                raise InputError(message)
        rows = _rows(packages[GOOGLE], packages[FLUENT])
        for language in LANGUAGES if CLDR in packages else ():
            _add_captions(rows, packages[CLDR], language)
        with new_folder(out) as folder:
            for vendor, name in (("google", GOOGLE), ("fluent", FLUENT)):
                _write_images(packages[name], vendor, [row for row, _ in rows], folder)
            header = _header(list(packages.values()))
            write_rows(folder, [row for row, _ in rows], header)
    return out


def _check_content(path: Path, package: Package) -> None:
    """Refuse an archive that calls itself a version that is known, and has another content."""
    known = package.version == VERSIONS.get(package.name)
    if known and package.integrity not in (None, INTEGRITY[package.name]):
        message = (
            f"{path} says that it is {package.name} {package.version}, and has another content than npm hands out "
            f"under that name. Get it again: {HOW_TO_GET}"
        )
        raise InputError(message)


def _stored(request: Request, columns: tuple[str, str]) -> Pairs:
    folder = request.root or data_folder() / "emoji"
    if not is_stored(folder):
        feature = f"the data set {request.spec!r}"
        raise MissingExtraError(feature, f"{GOOGLE} (npm)", HOW_TO_GET)
    return titled(load_stored(folder, replace(request.options, columns=columns)), folder, _title)


def _title(row: Mapping[str, Any]) -> str:
    """Name an emoji: as its annotation does, or as Google's package, whose names have no spaces."""
    annotated = str(row.get("caption_en") or "").partition(":")[0]
    return annotated or re.sub("[_-]", " ", str(row.get("name") or ""))


def _rows(google: Package, fluent: Package) -> list[tuple[dict[str, str], str]]:
    """List the emoji that both have, each with the characters that it is written with."""
    rows = []
    with guarded(
        f"emoji.json of {google.name} {google.version} cannot be used", f"Get it again: {HOW_TO_GET}"
    ):
        for emoji in sorted(google.json("emoji.json"), key=lambda entry: entry["sort_order"]):
            code = emoji["image"].removesuffix(".png")
            both = (
                _FILES["google"].format(code) in google.files
                and _FILES["fluent"].format(code) in fluent.files
            )
            if emoji["category"] not in _LEFT_OUT and both:
                row = {"id": code, "stratum": emoji["category"], "name": emoji["short_name"]}
                rows.append((row, "".join(chr(int(point, 16)) for point in code.split("-"))))
    if not rows or len({row["id"] for row, _ in rows}) < len(rows):
        what = (
            "names an emoji twice" if rows else f"has no emoji in common with {fluent.name} {fluent.version}"
        )
        message = f"{google.name} {google.version} {what}. Get both again: {HOW_TO_GET}"
        raise InputError(message)
    return rows


def _write_images(package: Package, vendor: str, rows: Sequence[dict[str, str]], folder: Path) -> None:
    """Write one side's images, and enter in each row where its own lies."""
    (folder / vendor).mkdir()
    targets = {}
    for row in rows:
        file = _FILES[vendor].format(row["id"])
        row[vendor] = targets[file] = f"{vendor}/{file.rpartition('/')[2]}"
    for file, content in package.read_each(targets):
        (folder / targets[file]).write_bytes(content)


def _add_captions(rows: Sequence[tuple[dict[str, str], str]], package: Package, language: str) -> None:
    """Enter in each row its name and keywords in a language."""
    path = f"annotations/{language}/annotations.json"
    with guarded(f"{path} of {package.name} {package.version} cannot be used", f"Get it again: {HOW_TO_GET}"):
        texts = package.json(path)["annotations"]["annotations"]
        for row, characters in rows:
            row[f"caption_{language}"] = _caption(texts, characters)


def _caption(texts: dict[str, Any], characters: str) -> str:
    # The annotations leave the variation selector out.
    entry = texts.get(characters) or texts.get(characters.replace("\ufe0f", ""))
    if not entry or not entry.get("tts"):
        return ""
    name = entry["tts"][0]
    keywords = [keyword for keyword in entry.get("default", ()) if keyword != name]
    return f"{name}: {', '.join(keywords)}" if keywords else str(name)


def _header(packages: Sequence[Package]) -> dict[str, Any]:
    return {
        "name": "emoji",
        "sides": ["google", "fluent"],
        "image_columns": ["google", "fluent"],
        "provenance": {
            "source": [
                f"{package.name} {package.version} (npm{'' if package.integrity else ', unpacked'})"
                for package in packages
            ],
            "license": "Apache-2.0 (Noto), MIT (Fluent), Unicode-3.0 (names and keywords)",
            "strata": "category of the emoji",
        },
    }


def _info(name: str, variants: tuple[str, ...], sides: str, description: str) -> DatasetInfo:
    return DatasetInfo(
        name=name,
        variants=variants,
        default=variants[0] if variants else None,
        sides=sides,
        description=description,
        license="Apache-2.0 (Noto), MIT (Fluent), Unicode-3.0 (names and keywords)",
        how_to_get=HOW_TO_GET,
        available=is_stored(data_folder() / "emoji"),
        strata="categories",
    )


def images_info() -> DatasetInfo:
    """Describe the pairs of drawings."""
    text = "Emoji drawn by Google (Noto) and Microsoft (Fluent 3D), one pair each; no flags, no skin tones."
    return _info("emoji", (), "image-image", text)


def captions_info() -> DatasetInfo:
    """Describe the drawings with captions."""
    text = 'Emoji drawn by Google with their name and keywords ("snowboarder: ski, snow, snowboard, sport").'
    return _info("emoji-captions", LANGUAGES, "image-text", text)


IMAGES = DatasetSource("emoji", load_images, images_info)
CAPTIONS = DatasetSource("emoji-captions", load_captions, captions_info)
