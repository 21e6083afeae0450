"""Draw a run's panels and save them as PNG, SVG and PDF, the same bytes every time."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from platoscope.arguments import a_path, instance
from platoscope.checks import in_short, one_of
from platoscope.errors import InputError, PlatoscopeWarning, StorageError
from platoscope.kept import note_anew
from platoscope.report._fonts import BOXES, use_fallback_fonts
from platoscope.report._names import as_text
from platoscope.report.panels import draw_panel, panel_size
from platoscope.report.style import DOUBLE_COLUMN, SINGLE_COLUMN, figure_style
from platoscope.studies import StudyResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

    from platoscope.studies.design.records import Panel

__all__ = [
    "FORMATS",
    "DrawnPanel",
    "Format",
    "draw_result",
    "panels_of",
    "rendered",
    "save_figure",
    "save_picture",
    "slug",
    "write_figures",
]

Format = Literal["png", "svg", "pdf"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)

_DPI = 300  # of PNG, and of the maps inside SVG and PDF; what journals ask for

# Matplotlib writes the time of drawing into SVG and PDF, and its own version into PNG: none of it is
# part of the picture, and all of it makes two equal pictures differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}


@dataclass(frozen=True)
class DrawnPanel:
    """A panel on paper.

    Parameters
    ----------
    panel : Panel
        What was drawn.
    name : str
        Name of its files, without ending.
    figure : matplotlib.figure.Figure
        The figure, which belongs to no window.
    axes : tuple of matplotlib.axes.Axes
        Its Axes without color scales.
    """

    panel: Panel
    name: str
    figure: Figure
    axes: tuple[Axes, ...]

    @cached_property
    def svg(self) -> bytes:
        """The figure as SVG, drawn once for its file and for the page."""
        return rendered(self.figure, "svg")


def slug(text: str, /) -> str:
    """Turn a title into the name of a file.

    Examples
    --------
    >>> slug("Δ by layer: en–it, mean(20)")
    'by-layer-en-it-mean-20'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "panel"


def draw_result(result: StudyResult, /) -> list[DrawnPanel]:
    """Draw every panel of a run whose results are there, each as a figure of its own.

    Parameters
    ----------
    result : StudyResult
        What `platoscope.studies.execute` or `load_run` returns.

    Returns
    -------
    list of DrawnPanel
        In the order of the study's panels.
    """
    from matplotlib.figure import Figure

    instance("result", result, StudyResult, made_by="load_run")
    drawn = []
    for number, panel in enumerate(result.panels, start=1):
        with _drawing():
            # A bare Figure, not pyplot's: pyplot keeps every figure until it is closed by hand.
            figure = Figure(figsize=panel_size(panel, result.results), layout="constrained")
            axes = draw_panel(figure, panel, result.results)
            _title(figure, panel.title)
        drawn.append(DrawnPanel(panel, f"{number:02d}-{slug(panel.title)}", figure, tuple(axes)))
    boxes = use_fallback_fonts([item.figure for item in drawn])
    if boxes:
        message = (
            f"{BOXES} {boxes!r}, which figures show as boxes. Install one that has "
            "them (for instance of the Noto family) and draw the run again with `platoscope figures`."
        )
        warnings.warn(message, PlatoscopeWarning, stacklevel=2)
    return drawn


@contextlib.contextmanager
def _drawing() -> Iterator[None]:
    """Draw in the style sheet; letters that no font has are named once for all panels."""
    with figure_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=BOXES, category=PlatoscopeWarning)
        yield


def panels_of(result: StudyResult, drawn: object, /) -> Sequence[DrawnPanel]:
    """Return the panels of a run that are drawn already, or draw them where nothing is given.

    Raises
    ------
    InputError
        If something else is given.
    """
    if drawn is None:
        return draw_result(result)
    if not isinstance(drawn, list | tuple) or not all(isinstance(panel, DrawnPanel) for panel in drawn):
        message = f"drawn must be a list of what draw_result returns; got {in_short(drawn)}."
        raise InputError(message)
    return drawn


def write_figures(
    result: StudyResult, folder: str | Path, /, *, drawn: Sequence[DrawnPanel] | None = None
) -> tuple[Path, ...]:
    """Write ``figure.*`` (all panels, as in a paper) and one file per panel, as PNG, SVG and PDF.

    Parameters
    ----------
    result : StudyResult
        What `platoscope.studies.execute` or `load_run` returns.
    folder : str or pathlib.Path
        Where to write; made if it does not exist.
    drawn : sequence of DrawnPanel, optional
        The run's panels where they are drawn already.

    Returns
    -------
    tuple of pathlib.Path
        The files written.

    Raises
    ------
    StorageError
        If the folder or a file cannot be written.
    """
    instance("result", result, StudyResult, made_by="load_run")
    target = a_path("folder", folder)
    written: list[Path] = []
    for panel in panels_of(result, drawn):
        written += save_figure(panel.figure, target, panel.name, svg=panel.svg)
    combined = _combined(result)
    if combined is not None:
        written += save_figure(combined, target, "figure")
    # In a run's folder its checksums speak of the figures as well.
    note_anew(target.parent, [f"{target.name}/{path.name}" for path in written])
    return tuple(written)


def save_figure(figure: Figure, folder: Path, name: str, /, *, svg: bytes | None = None) -> list[Path]:
    """Save a figure in the three formats; equal figures give equal files.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; its layout is fixed from here on.
    folder : pathlib.Path
        Where to write; made if it does not exist.
    name : str
        Name of the files, without ending.
    svg : bytes, optional
        The figure as SVG where it is rendered already.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    StorageError
        If the folder or a file cannot be written.
    """
    written = []
    for ending in FORMATS:
        path = folder / f"{name}.{ending}"
        _write_whole(path, svg if svg is not None and ending == "svg" else rendered(figure, ending))
        written.append(path)
    return written


def save_picture(figure: Figure, path: Path, /) -> None:
    """Save a figure in one file, whose ending says the format.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; its layout is fixed from here on.
    path : pathlib.Path
        Ends in .png, .svg or .pdf; its folder is made if it does not exist.

    Raises
    ------
    InputError
        Another ending.
    StorageError
        If the file cannot be written.
    """
    ending = path.suffix.removeprefix(".")
    one_of(f"the ending of {str(path)!r}", ending, FORMATS)
    _write_whole(path, rendered(figure, cast("Format", ending)))


def _write_whole(path: Path, content: bytes, /) -> None:
    """Write a file beside its place and move it there: an interrupted run leaves no half a picture."""
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        message = f"cannot write the figure {path.name!r} to {path.parent}: {error.strerror or error}"
        raise StorageError(message) from error


def rendered(figure: Figure, ending: Format, /) -> bytes:
    """Return a figure in one format, which draws it once.

    `Figure.savefig` draws every figure twice, and lays it out anew for each format; the canvases do not, and
    a figure that was laid out here stays as it is.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; its layout is fixed from here on.
    ending : {"png", "svg", "pdf"}
        The format.

    Returns
    -------
    bytes
        The content of a file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    # Any: Matplotlib's canvases have no types.
    canvases: dict[Format, Any] = {"png": FigureCanvasAgg, "svg": FigureCanvasSVG, "pdf": FigureCanvasPdf}
    with figure_style(), warnings.catch_warnings():
        # `draw_result` has named them; Matplotlib does so for each letter, each time that it measures one.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine("none")
        buffer = io.BytesIO()
        before = figure.dpi
        figure.set_dpi(_DPI)
        try:
            write = getattr(canvases[ending](figure), f"print_{ending}")
            write(buffer, metadata=_METADATA[ending])
        finally:
            figure.set_dpi(before)
    return buffer.getvalue()


def _combined(result: StudyResult, /) -> Figure | None:
    """All panels in one figure, two narrow ones in a row, lettered as in a paper."""
    from matplotlib.figure import Figure

    rows = _rows(result)
    if not rows:
        return None
    sizes = [[panel_size(panel, result.results) for panel in row] for row in rows]
    width = max(sum(width for width, _ in row) for row in sizes)
    heights = [max(height for _, height in row) for row in sizes]
    # A lone narrow panel keeps its width beside wider rows, and leaves the place next to it empty.
    columns = 2 if width > SINGLE_COLUMN else 1
    letters = iter("abcdefghijklmnopqrstuvwxyz") if len(result.panels) > 1 else itertools.repeat("")
    with _drawing():
        figure = Figure(figsize=(min(width, DOUBLE_COLUMN), sum(heights)), layout="constrained")
        bands = figure.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
        for band, row, row_sizes in zip(bands, rows, sizes, strict=True):
            wide = row_sizes[0][0] == DOUBLE_COLUMN
            parts = band.subfigures(1, 1 if wide else columns, squeeze=False)[0]
            for part, panel in zip(parts, row, strict=False):
                draw_panel(part, panel, result.results)
                _title(part, f"{next(letters)}  {panel.title}".strip())
    use_fallback_fonts([figure])
    return figure


def _title(figure: FigureBase, text: str, /) -> None:
    """Put a title over the left end of a panel."""
    figure.suptitle(as_text(text), x=0.01, ha="left", fontsize=8.5)


def _rows(result: StudyResult, /) -> list[list[Panel]]:
    """Place panels in rows: a wide one alone, narrow ones in twos; a narrow one fills the place left open above."""
    rows: list[list[Panel]] = []
    open_row: list[Panel] | None = None
    for panel in result.panels:
        if panel_size(panel, result.results)[0] == DOUBLE_COLUMN:
            rows.append([panel])
        elif open_row is not None:
            open_row.append(panel)
            open_row = None
        else:
            open_row = [panel]
            rows.append(open_row)
    return rows
