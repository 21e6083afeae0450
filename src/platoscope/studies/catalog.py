"""The studies that Platoscope brings, and those that users write as TOML files, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from platoscope.checks import word
from platoscope.errors import NotFoundError
from platoscope.studies.beyond.added_information import STUDY as ADDED_INFORMATION
from platoscope.studies.beyond.frequencies import STUDY as TOKEN_FREQUENCIES
from platoscope.studies.beyond.intrinsic_dimension import STUDY as INTRINSIC_DIMENSION
from platoscope.studies.beyond.null_models import STUDY as NULL_MODELS
from platoscope.studies.beyond.predictability import STUDY as PREDICTABILITY
from platoscope.studies.beyond.scales import STUDY as COARSE_AND_FINE
from platoscope.studies.beyond.weighted_layers import STUDY as WEIGHTED_LAYERS
from platoscope.studies.paper.aggregation import AGGREGATION, METRIC_COMPARISON
from platoscope.studies.paper.captions import CAPTION_LAYER, IMAGE_CAPTIONS
from platoscope.studies.paper.gaussian import RANK, SHARED
from platoscope.studies.paper.images import STUDY as SAME_CLASS_IMAGES
from platoscope.studies.paper.languages import ASYMMETRY, LANGUAGES_STUDY
from platoscope.studies.paper.many_languages import STUDY as MANY_LANGUAGES
from platoscope.studies.paper.misalignment import STUDY as MISALIGNMENT
from platoscope.studies.paper.scale import MODEL_ASYMMETRY, MODEL_SCALE
from platoscope.studies.paper.tokens import STUDY as TOKEN_DISTANCE
from platoscope.studies.paper.toml import read_study
from platoscope.studies.paper.translations import STUDY as TRANSLATIONS
from platoscope.studies.paper.vision_scale import STUDY as VISION_SCALE
from platoscope.wording import did_you_mean

if TYPE_CHECKING:
    from platoscope.studies.design.records import Study

__all__ = ["get_study", "list_studies"]

_STUDIES = (
    TRANSLATIONS,
    RANK,
    SHARED,
    AGGREGATION,
    LANGUAGES_STUDY,
    MODEL_SCALE,
    ASYMMETRY,
    MODEL_ASYMMETRY,
    TOKEN_DISTANCE,
    SAME_CLASS_IMAGES,
    IMAGE_CAPTIONS,
    MISALIGNMENT,
    METRIC_COMPARISON,
    VISION_SCALE,
    CAPTION_LAYER,
    MANY_LANGUAGES,
    NULL_MODELS,
    ADDED_INFORMATION,
    TOKEN_FREQUENCIES,
    COARSE_AND_FINE,
    WEIGHTED_LAYERS,
    INTRINSIC_DIMENSION,
    PREDICTABILITY,
)


def list_studies() -> tuple[Study, ...]:
    """Give all studies of the package, the default first, then in the order of the paper's figures.

    Examples
    --------
    >>> [study.name for study in list_studies()][:3]
    ['translations', 'rank-synthetic', 'shared-features']
    """
    return _STUDIES


def get_study(name: str | Path, /) -> Study:
    """Give a study by its name, or read one from a TOML file.

    Parameters
    ----------
    name : str or path
        A name of `list_studies`, or the path of a file that ends in ``.toml``.

    Returns
    -------
    Study

    Raises
    ------
    NotFoundError
        If there is no study of that name; the message lists those there are.

    Examples
    --------
    >>> get_study("aggregation").figure
    '2a'
    """
    if not isinstance(name, Path):
        word("name of a study", name)
    if isinstance(name, Path) or name.endswith(".toml"):
        return read_study(Path(name))
    known = {study.name: study for study in _STUDIES}
    if name in known:
        return known[name]
    msg = f"there is no study {name!r}.{did_you_mean(name, known)} There are {', '.join(known)}, or a path to a .toml file."
    raise NotFoundError(msg)
