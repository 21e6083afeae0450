"""Figures and page of a whole run."""

from __future__ import annotations

import html
import html.parser
import json
import logging
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.testing import assert_allclose
from PIL import Image

from platoscope.errors import InputError, PlatoscopeWarning, StorageError
from platoscope.report import (
    _fonts,
    draw_result,
    figure_style,
    plot_profile,
    plot_rank,
    write_figures,
    write_page,
)
from platoscope.report.interactive import chart, description
from platoscope.report.panels import PANELS, draw_panel
from platoscope.studies import Panel, StudyResult, Verdict
from platoscope.studies.design.records import PanelKind

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

EVIL = '</script><script>alert("x")</script>&'


def _result(madeup: ModuleType, panels: tuple[Panel, ...]) -> StudyResult:
    """Make a finished run of made-up results, with text that would be markup if it were not escaped."""
    results = {
        "en-it": madeup.profile(),
        "en-hu": madeup.profile(shift=0.1, seed=1),
        "grid": madeup.grid(n_a=5, n_b=7),
        "tokens": madeup.tokens(n_layers=5),
        "rank": madeup.synthetic("rank"),
        "fraction": madeup.synthetic("fraction"),
        "n": madeup.n_curve(),
        "spaces": madeup.spaces(),
        "matrix": madeup.matrix(),
        "gain": madeup.gains(),
        "scales": madeup.scales(),
        "weights": madeup.weights(),
        "weights back": madeup.weights(seed=1),
        "dimension": madeup.dimensions(),
    }
    best = {"layer": 11, "value": 0.331, "low": 0.311, "high": 0.351}
    row = {
        "label": f"en-it {EVIL}",
        "name_a": "en",
        "name_b": "it",
        "n_samples": 1000,
        "best": {"a_to_b": best, "b_to_a": best},
        "null": {"mean": 1.002},
    }
    plan = SimpleNamespace(
        panels=panels, describe=lambda: [SimpleNamespace(section="settings", item="items", detail=EVIL)]
    )
    return StudyResult(
        study=SimpleNamespace(name="made-up", question=f"Does {EVIL} hold?", figure="2a", notes=(EVIL,)),
        plan=plan,
        results=results,
        verdicts=(Verdict(f"It holds {EVIL}", "held", "0.33 [0.31, 0.35]"),),
        summary={"rows": [row]},
        timings={"comparison": 1.5},
        provenance={"model": EVIL},
        folder=None,
    )


ALL_KINDS = (
    Panel(kind="profile", labels=("en-it",), title="Profile", options={"region": (3, 4)}),
    Panel(kind="asymmetry", labels=("en-it", "en-hu"), names=("it", "hu"), title="Asymmetry"),
    Panel(kind="grid", labels=("grid",), title="Grid"),
    Panel(kind="matrix", labels=("matrix",), title="Every two"),
    Panel(kind="metrics", labels=("en-it", "en-hu"), title="Measures"),
    Panel(kind="null", labels=("en-it",), title="Null"),
    Panel(kind="poolings", labels=("en-it", "en-hu"), names=("last", "mean(20)"), title="Poolings"),
    Panel(kind="rank", labels=("rank",), title="Rank"),
    Panel(kind="retrieval", labels=("en-it",), title="Retrieval"),
    Panel(kind="sample_size", labels=("n",), title="N"),
    Panel(kind="shared_features", labels=("fraction",), title="Shared"),
    Panel(kind="spaces", labels=("spaces",), title="Spaces", options={"variable": "asymmetry"}),
    Panel(kind="sweep", labels=("en-it",), title="Sweep"),
    Panel(kind="token_distance", labels=("tokens",), title="Tokens"),
    Panel(kind="tokens", labels=("matrix",), title="Tokens relative to the first text"),
    Panel(kind="gain", labels=("gain",), title="Gain"),
    Panel(kind="difference", labels=("en-it", "en-hu"), title="Difference"),
    Panel(kind="scales", labels=("scales",), title="Scales"),
    Panel(kind="weights", labels=("weights", "weights back"), title="Weights"),
    Panel(kind="dimension", labels=("dimension",), title="Dimension"),
)


def test_a_result_shows_itself_shortly(madeup: ModuleType) -> None:
    """In a notebook a run is its question and verdicts, with nothing of it as markup; its text is a line."""
    result = _result(madeup, ALL_KINDS)
    assert (
        repr(result) == f"<StudyResult 'made-up': {len(result.results)} results; statements: 1 held; in None>"
    )
    html = result._repr_html_()
    assert "0.33 [0.31, 0.35]" in html
    assert EVIL not in html
    assert len(html) < 10_000


def test_every_kind_has_a_drawer() -> None:
    """The table of drawers has exactly the kinds that a study may name."""
    assert set(PANELS) == set(PanelKind.__args__)
    assert {panel.kind for panel in ALL_KINDS} == set(PANELS)


def test_every_kind_is_drawn(madeup: ModuleType) -> None:
    """Every kind of panel draws something, under its title."""
    drawn = draw_result(_result(madeup, ALL_KINDS))
    assert [item.panel.kind for item in drawn] == [panel.kind for panel in ALL_KINDS]
    for item in drawn:
        assert item.axes
        assert all(ax.lines or ax.collections for ax in item.axes)
        assert item.figure.get_suptitle() == item.panel.title


def test_directed_grid_shows_both_directions_on_one_scale(madeup: ModuleType) -> None:
    """Two maps stand side by side and share their scale of color."""
    (drawn,) = draw_result(_result(madeup, ALL_KINDS[2:3]))
    assert [ax.get_title("left") for ax in drawn.axes] == ["Δ(en → it)", "Δ(it → en)"]
    scales = [ax.collections[0].get_clim() for ax in drawn.axes]
    assert scales[0] == scales[1]


def test_panels_without_results_are_left_out(madeup: ModuleType) -> None:
    """A panel whose comparisons were left out of the run is not drawn."""
    panels = (Panel(kind="profile", labels=("missing",), title="Nothing"), *ALL_KINDS[:1])
    drawn = draw_result(_result(madeup, panels))
    assert [item.panel.title for item in drawn] == ["Profile"]


def test_unknown_options_are_refused(madeup: ModuleType) -> None:
    """An option that the plot function does not take is an error that lists those it takes."""
    panel = Panel(kind="grid", labels=("grid",), title="Grid", options={"colour": "red"})
    with pytest.raises(InputError, match=r"colour.*colorbar, direction, limits, measure"):
        draw_panel(Figure(), panel, {"grid": madeup.grid()})


def test_figures_are_the_same_bytes_every_time(madeup: ModuleType, tmp_path: Path) -> None:
    """PNG, SVG and PDF of a run are written, without dates, identical from run to run."""
    panels = (ALL_KINDS[0], ALL_KINDS[2])
    first = write_figures(_result(madeup, panels), tmp_path / "one")
    second = write_figures(_result(madeup, panels), tmp_path / "two")
    names = {path.name for path in first}
    assert {"01-profile.png", "01-profile.svg", "01-profile.pdf", "02-grid.png", "figure.pdf"} <= names
    assert names == {path.name for path in (tmp_path / "one").iterdir()}
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name


def test_svg_keeps_text_as_text(madeup: ModuleType, tmp_path: Path) -> None:
    """Labels in an SVG can be searched and edited."""
    write_figures(_result(madeup, ALL_KINDS[:1]), tmp_path)
    assert "relative depth" in (tmp_path / "01-profile.svg").read_text(encoding="utf-8")


def test_unwritable_folder_is_one_sentence(madeup: ModuleType, tmp_path: Path) -> None:
    """Where a file stands in the place of the folder, figures and page say so."""
    (tmp_path / "taken").write_text("")
    result = _result(madeup, ALL_KINDS[:1])
    with pytest.raises(StorageError, match="cannot write the figure"):
        write_figures(result, tmp_path / "taken")
    with pytest.raises(StorageError, match="cannot write the page"):
        write_page(result, tmp_path / "taken")


class _Reader(html.parser.HTMLParser):
    """Collect the elements of a page, their attributes, and the text outside of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        if self._within not in ("script", "style"):
            self.text.append(data)


def _read(path: Path) -> _Reader:
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def test_page_stands_alone_and_escapes_everything(madeup: ModuleType, tmp_path: Path) -> None:
    """The page loads nothing from elsewhere, and what users wrote is text in it, never markup."""
    page = write_page(_result(madeup, ALL_KINDS), tmp_path)
    reader = _read(page)
    for tag, attributes in reader.elements:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    scripts = [attributes for tag, attributes in reader.elements if tag == "script"]
    assert len(scripts) == 3  # charts, Plotly, and the page's own: none that came in with a label
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in reader.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    run = policy.partition("script-src ")[2].partition(";")[0].split()
    assert len(run) == 2
    assert all(source.startswith("'sha256-") for source in run)  # none by its place, only by its text
    text = " ".join(reader.text)
    for part in (f"Does {EVIL} hold?", f"It holds {EVIL}", f"en-it {EVIL}", "0.331 [0.311, 0.351] at 11"):
        assert part in text


def test_page_describes_its_pictures(madeup: ModuleType, tmp_path: Path) -> None:
    """Every picture has an alternative text with its numbers, and every chart a label."""
    reader = _read(write_page(_result(madeup, ALL_KINDS), tmp_path))
    images = [attributes for tag, attributes in reader.elements if tag == "img"]
    assert len(images) == len(ALL_KINDS)
    assert all(len(attributes["alt"] or "") > 40 for attributes in images)
    charts = [attributes for _, attributes in reader.elements if attributes.get("class") == "chart"]
    assert all(attributes["aria-label"] for attributes in charts)


def test_page_charts_hold_the_data(madeup: ModuleType, tmp_path: Path) -> None:
    """The charts embedded in the page have the values of the result."""
    result = _result(madeup, ALL_KINDS[:1])
    text = write_page(result, tmp_path).read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    (only,) = json.loads(found[1]).values()
    traces = {trace.get("name"): trace for trace in only["data"]}
    values = result.results["en-it"].information_imbalance.sel(direction="a_to_b")
    # Charts round to five digits.
    assert_allclose(traces["Δ(en → it)"]["y"], values, atol=1e-5)


def test_chart_of_a_map_has_its_cells(madeup: ModuleType) -> None:
    """A heat map becomes a chart with the same cells at the same layers."""
    (drawn,) = draw_result(_result(madeup, ALL_KINDS[2:3]))
    (trace, _) = chart(drawn.axes[0])["data"]
    values = madeup.grid(n_a=5, n_b=7).information_imbalance.sel(direction="a_to_b")
    assert_allclose(trace["z"], values.transpose("layer_b", "layer_a"), atol=1e-5)
    assert trace["x"] == [0, 1, 2, 3, 4]


def test_ticks_of_a_logarithmic_chart_are_those_of_the_figure(madeup: ModuleType) -> None:
    """Ranks stand as plain numbers: left to itself the chart writes 2 for 20."""
    axis = chart(plot_rank(madeup.synthetic("rank"), Figure().subplots()))["layout"]["xaxis"]
    assert axis["tickvals"] == [1, 2, 5, 10, 20, 50, 100]
    assert axis["ticktext"] == ["1", "2", "5", "10", "20", "50", "100"]


def test_description_says_where_the_minimum_is(madeup: ModuleType) -> None:
    """The words for a figure name its axes and where each line is lowest."""
    result = madeup.profile(n_layers=11)
    ax = plot_profile(result, Figure().subplots())
    words = description(ax)
    values = result.information_imbalance.sel(direction="a_to_b")
    depth = float(values.relative_depth_a[int(values.values.argmin())])
    assert f"lowest {float(values.min()):.2f} at {depth:g}" in words


def test_pdf_embeds_each_font_once(madeup: ModuleType, tmp_path: Path) -> None:
    """A PDF holds one font, embedded as TrueType: Greek letters and arrows share it with the Latin ones."""
    write_figures(_result(madeup, ALL_KINDS[1:2]), tmp_path)
    content = (tmp_path / "01-asymmetry.pdf").read_bytes()
    assert content.count(b"/FontFile2") == 1
    assert b"/Type3" not in content


def test_narrow_panels_share_a_row_across_a_wide_one(madeup: ModuleType, tmp_path: Path) -> None:
    """In the whole figure a narrow panel fills the place beside an earlier one, even past a wide panel."""
    panels = (ALL_KINDS[0], ALL_KINDS[2], ALL_KINDS[1])  # narrow, wide, narrow
    write_figures(_result(madeup, panels), tmp_path)
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.height == 2 * 2.5 * 300


def test_titles_and_names_are_text_in_pictures_and_charts(madeup: ModuleType) -> None:
    """Dollar signs in titles, conditions and sides begin no formula, and stand in charts as they were written."""
    names = ("US$ and CA$", "_b")
    result = _result(
        madeup,
        (
            Panel(kind="profile", labels=("en-it", "en-hu"), names=names, title=r"One $\frac{1}$"),
            Panel(kind="metrics", labels=("en-it", "en-hu"), names=names, title="Two $$"),
            Panel(kind="grid", labels=("grid", "grid2"), names=names, title="Three"),
        ),
    )
    result.results["grid2"] = result.results["grid"].assign_attrs(name_a="$a$", name_b="_b")
    drawn = draw_result(result)
    for panel in drawn:
        panel.figure.draw_without_rendering()
        assert not any(is_math_text(text.get_text()) for text in panel.figure.findobj(Text))
    first = {trace.get("name") for trace in chart(drawn[0].axes[0])["data"]}
    assert {"US$ and CA$ · Δ(en → it)", "_b · Δ(en → it)"} <= first
    assert chart(drawn[2].axes[2])["layout"]["title"]["text"] == "_b: Δ($a$ → _b)"
    assert "layer of $a$" in description(drawn[2].axes[2])


def test_names_are_no_markup_of_charts(madeup: ModuleType) -> None:
    """Plotly reads tags, entities and values in braces; a name stands there as it was written."""
    name = "<b>x</b> &amp; <a href='u'>%{z} {} %s [red]"
    result = _result(
        madeup, (Panel(kind="profile", labels=("en-it", "en-hu"), names=(name, "y"), title=name),)
    )
    (drawn,) = draw_result(result)
    axes = drawn.axes[0]
    shown = chart(axes)
    texts = [trace["name"] for trace in shown["data"] if "name" in trace]
    assert any(html.unescape(text).startswith(name) for text in texts)
    for text in texts:
        assert not {"<", "%{"} & {text[i : i + n] for i in range(len(text)) for n in (1, 2)}
    assert name in description(axes)


def _with_names(madeup: ModuleType, *names: str) -> StudyResult:
    return _result(madeup, (Panel(kind="asymmetry", labels=("en-it", "en-hu"), names=names, title="A"),) * 2)


def test_letters_come_from_an_installed_font_that_has_them(
    madeup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text whose letters the usual font lacks is drawn with another one; other texts keep theirs."""
    monkeypatch.setattr(_fonts, "FALLBACKS", ("Not Installed", "STIXGeneral"))
    result = _with_names(madeup, "\N{SCRIPT SMALL G}", "plain")
    drawn = draw_result(result)  # a warning would be an error
    first, second = drawn[0].axes[0].get_legend().get_texts()
    assert first.get_fontfamily() == ["DejaVu Sans", "STIXGeneral"]
    assert second.get_fontfamily() == ["sans-serif"]
    write_figures(result, tmp_path, drawn=drawn)
    assert (tmp_path / "01-a.pdf").read_bytes().count(b"/FontFile2") == 2


def test_a_font_without_bold_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Matplotlib's words about weights of fonts do not reach those who draw."""
    from matplotlib import font_manager

    with figure_style():
        logging.getLogger(font_manager.__name__).warning("findfont: Failed to find font weight 600")
    logging.getLogger(font_manager.__name__).warning("outside")
    assert caplog.messages == ["outside"]


def test_letters_that_no_font_has_are_one_warning(
    madeup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters without a font are named once for all pictures of a run, and right-to-left names need none."""
    monkeypatch.setattr(_fonts, "FALLBACKS", ())
    with pytest.warns(PlatoscopeWarning, match="letters '日本語'") as told:
        write_figures(_with_names(madeup, "日本語", "עברית and العربية"), tmp_path)
    assert len(told) == 1
