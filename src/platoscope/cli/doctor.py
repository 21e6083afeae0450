"""``platoscope doctor``: what is installed and here, on what it would run, and whether it computes what it should."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from platoscope.cache import KINDS, cache_folder, kept_of, size_on_disk
from platoscope.cli.options import AsJson, Store, is_verbose  # Typer reads annotations when it runs
from platoscope.cli.output import print_json, print_table, print_text
from platoscope.cli.progress import open_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platoscope.testing.exactness import Agreement

__all__ = ["doctor"]

_DEVELOPERS = ("docs",)
_EXTRA = re.compile(r"""extra == ['"]([\w-]+)['"]""")


@dataclass(frozen=True)
class _Finding:
    """One thing that was looked at.

    Attributes
    ----------
    part : str
        Of the report.
    what, found : str
        What it is, and how it stands.
    state : {"good", "lacking", "wrong"}
        "lacking" is what may be missing, with the way to get it in `remedy`; "wrong" is to be put right.
    details : dict
        The same for programs.
    """

    part: str
    what: str
    found: str
    state: Literal["good", "lacking", "wrong"] = "good"
    remedy: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def doctor(context: typer.Context, *, store: Store = None, as_json: AsJson = False) -> None:
    """Look at the installation: packages, models, data, machine, folders, and whether measures are exact here.

    Every measure is computed on small arrays and held against plain loops. What may be missing is named with the command
    that gets it; if something is wrong, the exit code is 1.
    """
    if store is not None:
        from platoscope.checks import place_only  # NumPy: 0.1 s to import

        place_only("store", store)
    with open_progress(verbose=is_verbose(context)) as progress:
        progress.stage("Looking at the installation")
        found = [*_versions(), *_packages(), *_models(), *_data(), *_machine(), *_folders(store)]
        progress.stage("Holding measures against plain loops")
        found += _self_test()
    wrong = [each for each in found if each.state == "wrong"]
    if as_json:
        print_json({"findings": found, "problems": len(wrong)})
    else:
        _print(found, wrong)
    if wrong:
        raise typer.Exit(1)


def _print(found: Sequence[_Finding], wrong: Sequence[_Finding], /) -> None:
    """Print a table of all, and what is to be put right below it."""
    marks = {"good": "ok", "lacking": "no", "wrong": "WRONG"}
    parts = [each.part for each in found]
    rows = [
        (
            each.part if i == 0 or parts[i - 1] != each.part else "",
            each.what,
            marks[each.state],
            ". ".join(text for text in (each.found, each.remedy) if text),
        )
        for i, each in enumerate(found)
    ]
    print_table(("", "what", "", "found"), rows)
    for each in wrong:
        print_text(f"\n{each.what}: {each.found}. {each.remedy}".rstrip())
    if not wrong:
        print_text("\nNothing is wrong.")


def _versions() -> Iterator[_Finding]:
    """Say which Platoscope and Python these are, and where."""
    import platoscope

    where = Path(platoscope.__file__).parent
    yield _Finding("here", "platoscope", f"{platoscope.__version__}, {where}")
    yield _Finding("here", "python", f"{platform.python_version()}, {platform.system()} {platform.machine()}")


def _packages() -> Iterator[_Finding]:
    """Hold what is installed against what the package asks for, extras last."""
    asked = [(_extra_of(line), line) for line in importlib.metadata.requires("platoscope") or ()]
    sizes = Counter(extra for extra, _ in asked)
    # The larger of two extras includes the smaller, which is then the one to name.
    kept = sorted(asked, key=lambda each: (each[0] is not None, sizes[each[0]]))
    seen = {"platoscope"}  # an extra may include another
    for extra, line in kept:
        finding = _package(line, extra)
        if finding.what not in seen and extra not in _DEVELOPERS:
            seen.add(finding.what)
            yield finding


def _extra_of(line: str, /) -> str | None:
    """Name the extra that a requirement belongs to."""
    found = _EXTRA.search(line)
    return found[1] if found else None


def _package(line: str, extra: str | None, /) -> _Finding:
    """Hold one package against its requirement."""
    from packaging.requirements import Requirement  # 0.03 s to import

    wanted = Requirement(line)
    part = f"packages: {extra}" if extra else "packages"
    remedy = f"Get it: pip install 'platoscope{f'[{extra}]' if extra else ''}'"
    details: dict[str, Any] = {"wanted": str(wanted.specifier), "extra": extra}
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        state: Literal["lacking", "wrong"] = "lacking" if extra else "wrong"
        return _Finding(part, wanted.name, "not installed", state, remedy, details)
    details["version"] = version
    if wanted.specifier.contains(version, prereleases=True):
        return _Finding(part, wanted.name, version, details=details)
    found = f"{version}, but {wanted.specifier} is needed"
    return _Finding(part, wanted.name, found, "wrong", remedy, details)


def _models() -> Iterator[_Finding]:
    """Say which bundled models are installed, and which of them were used before."""
    from platoscope.models.bundled import BUNDLED

    (kind,) = (kind for kind in KINDS if kind.name == "models")
    converted = [path.name for path in kept_of(kind)]
    for model in BUNDLED:
        try:
            version = importlib.metadata.version(model.package)
        except importlib.metadata.PackageNotFoundError:
            found = f"{model.package} is not installed"
            yield _Finding("bundled models", model.name, found, "lacking", f"Get it: {model.command}")
            continue
        ready = any(name.startswith(f"{model.name}-{version}-") for name in converted)
        when = "converted" if ready else "converted when it is first used"
        yield _Finding("bundled models", model.name, f"{model.package} {version}, {when}")


def _data() -> Iterator[_Finding]:
    """Say which data sets are here."""
    from platoscope.datasets import list_datasets

    for info in list_datasets():
        if not info.available:
            yield _Finding("data", info.name, info.sides, "lacking", f"Get it: {info.how_to_get}")
        else:
            place = ", from the hub or a local folder" if info.on_hub else ""
            yield _Finding("data", info.name, f"{info.sides}{place}")


def _machine() -> Iterator[_Finding]:
    """Say on what models and measures run."""
    from platoscope.cores import available_cores
    from platoscope.neighbors import available_memory
    from platoscope.wording import in_bytes

    used, there = available_cores(), os.cpu_count() or 1
    yield _Finding("machine", "cores", f"{used} of {there} may be used", details={"cores": used})
    free = available_memory()
    if free is not None:
        yield _Finding("machine", "memory", f"{in_bytes(free)} free", details={"bytes": free})
    if importlib.util.find_spec("torch") is None:
        remedy = "Get it: pip install 'platoscope[models]'"
        yield _Finding("machine", "device of models", "torch is not installed", "lacking", remedy)
        return
    try:
        yield _device()
    except (
        ImportError,
        OSError,
        RuntimeError,
    ) as error:  # a build for another system, a driver that is too old
        found = str(error).splitlines()[0] if str(error) else type(error).__name__
        yield _Finding("machine", "torch", f"it cannot be used: {found}", "wrong", "Install torch again.")


def _device() -> _Finding:
    """Say which device and precision are chosen where nothing is asked for."""
    import torch

    from platoscope.models.devices import choose_device, choose_dtype

    device = choose_device("auto")
    dtype = str(choose_dtype("auto", device)).removeprefix("torch.")
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    details = {"device": str(device), "dtype": dtype}
    return _Finding("machine", "device of models", f"{device}{name}, {dtype}", details=details)


def _folders(store: str | None, /) -> Iterator[_Finding]:
    """Say where things are kept, how much there is, and whether more can be written."""
    from platoscope.datasets.folders import data_folder

    yield _folder("cache", cache_folder())
    if store is not None and "://" in store:
        yield _Finding("folders", "store", f"{store}, not looked at", details={"place": store})
    else:
        yield _folder("store", cache_folder("representations") if store is None else Path(store).expanduser())
    yield _folder("data", data_folder())


def _folder(what: str, place: Path, /) -> _Finding:
    """Describe a folder, which may not be there yet."""
    from platoscope.wording import in_bytes

    nearest = next(path for path in (place, *place.absolute().parents) if path.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    size, free = size_on_disk(place) if place.exists() else 0, shutil.disk_usage(nearest).free
    details = {"place": place, "bytes": size, "free": free, "writable": writable}
    found = f"{place}, {in_bytes(size) if place.exists() else 'not there yet'}, {in_bytes(free)} free"
    if writable:
        return _Finding("folders", what, found, details=details)
    remedy = f"Nothing can be written there; PLATOSCOPE_{what.upper()} names another folder"
    return _Finding("folders", what, found, "lacking", remedy, details)


def _self_test() -> Iterator[_Finding]:
    """Hold every measure against its reference, on arrays of NumPy and, where it is installed, of torch."""
    from platoscope.testing.exactness import check_exactness

    part = "exactness"
    try:
        yield _agreement("NumPy", check_exactness())
        if importlib.util.find_spec("torch") is not None:
            yield _agreement("torch", check_exactness(_on_device))
    except Exception as error:  # whatever stops it is what this command is for
        found = f"they cannot be computed: {type(error).__name__}: {error}"
        yield _Finding(part, "measures", found, "wrong", "Report it with the output of this command.")


def _on_device(values: Any, /) -> Any:
    """Put an array where models would leave it; MPS, which has no float64, aside."""
    import torch

    from platoscope.models.devices import choose_device

    device = choose_device("auto")
    return torch.as_tensor(values, device="cpu" if device.type == "mps" else device)


def _agreement(library: str, found: Sequence[Agreement], /) -> _Finding:
    """Say how many values agree with their references, and which do not."""
    off = [each for each in found if not each.agrees]
    details = {"values": [dataclasses.asdict(each) | {"agrees": each.agrees} for each in found]}
    what = f"measures on {library} arrays"
    if not off:
        said = f"{len(found)} of {len(found)} values are those of plain loops"
        return _Finding("exactness", what, said, details=details)
    worst = "; ".join(
        f"{each.measure} of {each.arrays} arrays is {each.found:.6g}, not {each.expected:.6g}" for each in off
    )
    remedy = "Results of this installation cannot be trusted; report it with the output of this command."
    return _Finding("exactness", what, worst, "wrong", remedy, details)
