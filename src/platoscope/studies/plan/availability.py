"""Which models, layers and data a plan names are known and installed, found out without loading anything."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from platoscope.datasets import dataset_info, list_datasets
from platoscope.datasets.load import SAME, check_spec
from platoscope.datasets.request import own_files
from platoscope.errors import MissingExtraError, NotFoundError, PlatoscopeError
from platoscope.filenames import is_there, path_of
from platoscope.models import trained_name
from platoscope.models.bundled import BUNDLED
from platoscope.models.devices import check_device
from platoscope.models.options import LoadingOptions
from platoscope.studies.design.comparison import Source, Surface
from platoscope.studies.plan.depth import layer_problem
from platoscope.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platoscope.studies.design.comparison import Comparison
    from platoscope.studies.design.settings import Settings

__all__ = ["LeftOut", "check_known", "check_loading", "missing"]

_DEPTH = "Ask for layers that it has."
_AS_UTF_8 = "Leave the encoding out."
_MODELS_COMMAND = "pip install 'platoscope[models]'"


@dataclass(frozen=True)
class LeftOut:
    """A comparison that cannot run here, why, and how to get what it needs.

    Parameters
    ----------
    label : str
        Label of the comparison.
    needs : str
        Name of the model or data set that is missing.
    reason, remedy : str
        A sentence each.
    wrong : PlatoscopeError or None
        What is wrong with it where nothing that could be installed is missing.
    """

    label: str
    needs: str
    reason: str
    remedy: str
    wrong: PlatoscopeError | None = None

    def error(self) -> PlatoscopeError:
        """Give the error that says the same."""
        if self.wrong is not None:
            return self.wrong
        return MissingExtraError(f"comparison {self.label!r}", self.needs, self.remedy)


def check_known(comparisons: Iterable[Comparison], /) -> None:
    """Raise `NotFoundError` for a model or a data set that nothing could ever load; it names what exists."""
    for comparison in comparisons:
        for side in comparison.all_sides:
            if isinstance(side, Source | Surface) and not _could_be_model(side.model):
                names = [model.name for model in BUNDLED]
                if side.model.endswith(".toml") and is_there(path_of(side.model)):
                    msg = f"{side.model!r} is no model; a study file is planned by platoscope run {side.model} --dry-run."
                    raise NotFoundError(msg)
                msg = (
                    f"there is no model {side.model!r}.{did_you_mean(side.model, names)} There are {', '.join(names)}, "
                    "ids of the hub (owner/name), folders in its format and .gguf files."
                )
                raise NotFoundError(msg)
        if comparison.items is not None and not _could_be_data(comparison.items.data):
            data, names = comparison.items.data, [info.name for info in list_datasets()]
            hint = did_you_mean(data.partition(":")[0], names)
            there = f"There are {', '.join(names)}, and paths to files of yours."
            msg = f"there is no data set and no file {data!r}.{hint} {there}"
            raise NotFoundError(msg)


def check_loading(comparisons: Iterable[Comparison], settings: Settings, /) -> None:
    """Refuse a device that nobody knows, and one beside a map, where models are read; a run finds whether it is here."""
    if any(isinstance(side, Source) for comparison in comparisons for side in comparison.all_sides):
        check_device(settings.device)
        LoadingOptions(device=settings.device, device_map=settings.device_map)


def missing(comparisons: Iterable[Comparison], /) -> tuple[LeftOut, ...]:
    """Give the comparisons whose packages or layers are not there, and those that depend on them."""
    left: dict[str, LeftOut] = {}
    every = list(comparisons)
    for comparison in every:
        found = _first_missing(comparison)
        if found is not None:
            left[comparison.label] = LeftOut(comparison.label, *found)
            continue
        for look, remedy in ((layer_problem, _DEPTH), (_encoding_problem, _AS_UTF_8)):
            if (problem := look(comparison)) is not None:
                reason = f"{str(problem)[:1].upper()}{str(problem)[1:]}"
                left[comparison.label] = LeftOut(comparison.label, comparison.label, reason, remedy, problem)
                break
    for comparison in every:
        needed = comparison.fixed.minimum_of if comparison.fixed else None
        if needed in left and comparison.label not in left:
            cause = left[needed]
            reason = f"It needs {needed!r}, which is left out: {cause.reason}"
            left[comparison.label] = replace(cause, label=comparison.label, reason=reason)
    return tuple(left.values())


def _first_missing(comparison: Comparison) -> tuple[str, str, str] | None:
    """Give name, reason and remedy of the first thing that is missing."""
    models = [side.model for side in comparison.all_sides if isinstance(side, Source | Surface)]
    if models:
        absent = _missing_modules(("torch", "transformers"))
        if absent:
            return (
                absent[0],
                f"Models need the package {absent[0]!r}, which is not installed.",
                _MODELS_COMMAND,
            )
    for name in models:
        problem = _model_problem(name)
        if problem is not None:
            return name, *problem
    if comparison.items is not None:
        problem = _data_problem(comparison.items.data)
        if problem is not None:
            return comparison.items.data, *problem
    return None


def _missing_modules(names: Sequence[str]) -> list[str]:
    return [name for name in names if importlib.util.find_spec(name) is None]


def _could_be_model(name: str) -> bool:
    name = trained_name(name)
    known = any(model.name == name for model in BUNDLED)
    of_a_hub = name.count("/") == 1 and not name.startswith((".", "/", "~"))
    here = path_of(name)
    return known or of_a_hub or (is_there(here) and (here.is_dir() or here.suffix == ".gguf"))


def _model_problem(name: str) -> tuple[str, str] | None:
    name = trained_name(name)
    for model in BUNDLED:
        if model.name == name:
            try:
                version(model.package)
            except PackageNotFoundError:
                return (
                    f"The weights of {name} come with {model.package}, which is not installed.",
                    model.command,
                )
    return None


def _could_be_data(spec: str) -> bool:
    """Tell whether a specification names a data set, or files that are there."""
    return dataset_info(spec) is not None or own_files(spec.removeprefix(SAME)) is not None


def _encoding_problem(comparison: Comparison) -> PlatoscopeError | None:
    """Give the error in which a run would end for an encoding that is none, or of what is no text file."""
    items = comparison.items
    if items is None or items.encoding is None:
        return None
    try:
        check_spec(items.data, encoding=items.encoding)
    except PlatoscopeError as error:
        return error
    return None


def _data_problem(spec: str) -> tuple[str, str] | None:
    info = dataset_info(spec)
    if info is None or info.available:
        return None
    return f"The data {info.name!r} are not installed.", info.how_to_get
