"""One HTML page per run: the question, the answers, the figures, and where it all comes from.

The page is a single file that loads nothing, so it can be mailed, archived, and read without a network.
"""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platoscope.errors import StorageError
from platoscope.kept import note_anew
from platoscope.report.figures import draw_result, write_figures
from platoscope.report.interactive import chart, description
from platoscope.report.style import DOUBLE_COLUMN
from platoscope.report.summary import closing_table
from platoscope.studies.judge.power import power_seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platoscope.report.figures import DrawnPanel
    from platoscope.studies import StudyResult

__all__ = ["write_page", "write_report"]

_STYLE = """
:root { --ink: #1c2733; --soft: #5b6773; --line: #d9dee3; --held: #00734f; --not: #a34100; --open: #5b6773; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem; color: var(--ink); background: #fff;
       font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; } h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; }
.question { margin: .2rem 0 1rem; color: var(--soft); font-size: 1.1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top; }
th { font-weight: 600; vertical-align: bottom; }
.answer { font-weight: 600; white-space: nowrap; }
.held { color: var(--held); } .not { color: var(--not); } .open { color: var(--open); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1.5rem 2rem; }
.wide { grid-column: 1 / -1; }
section > h3 { margin: 0 0 .3rem; font-size: 1rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } .chart { flex: 1 1 24rem; min-width: 0; }
figure { margin: 0; } img { max-width: 100%; height: auto; }
summary { cursor: pointer; color: var(--soft); } pre { overflow-x: auto; font-size: .8rem; }
a { color: #0072b2; }
@media (max-width: 32rem) { .panels { grid-template-columns: 1fr; } }
@media print { .charts, summary { display: none; } details > figure { display: block; } }
"""

# Nothing but what stands in the page itself may be loaded or run.
_POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "font-src data:"
)

_DRAW = """
const charts = JSON.parse(document.getElementById("charts").textContent);
const config = {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"]};
for (const [id, chart] of Object.entries(charts)) {
  Plotly.newPlot(id, chart.data, chart.layout, config);
}
"""

_ANSWERS = {"held": "held", "did not hold": "not", "not decided": "open", "not computed here": "open"}


def write_page(
    result: StudyResult, folder: str | Path, /, *, drawn: Sequence[DrawnPanel] | None = None
) -> Path:
    """Write ``index.html``, one self-contained page of a run.

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
    pathlib.Path
        The page.

    Raises
    ------
    StorageError
        If the folder or the page cannot be written.
    """
    panels = draw_result(result) if drawn is None else drawn
    path = Path(folder) / "index.html"
    partial = path.with_name(".index.html.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(_page(result, panels), encoding="utf-8")
        partial.replace(path)
        note_anew(path.parent, [path.name])
    except OSError as error:
        message = f"cannot write the page {path}: {error.strerror or error}"
        raise StorageError(message) from error
    return path


def write_report(result: StudyResult, folder: str | Path, /) -> Path:
    """Draw a run once, and write its figures (in ``figures/``) and its page.

    Parameters
    ----------
    result : StudyResult
        What `platoscope.studies.execute` or `load_run` returns.
    folder : str or pathlib.Path
        The run folder.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    drawn = draw_result(result)
    write_figures(result, Path(folder) / "figures", drawn=drawn)
    return write_page(result, folder, drawn=drawn)


def _page(result: StudyResult, drawn: Sequence[DrawnPanel], /) -> str:
    """Put the page together."""
    charts: dict[str, Any] = {}
    sections = [_panel(panel, charts) for panel in drawn]
    study = result.study
    title = f"{study.name}: {study.question}"
    figure = f" Figure {study.figure} of the paper." if study.figure else ""
    body = [
        f"<h1>{_text(study.name)}</h1>",
        f'<p class="question">{_text(study.question)}{_text(figure)}</p>',
        _verdicts(result),
        _closing(result),
        f'<h2>Figures</h2>\n<div class="panels">{"".join(sections)}</div>' if sections else "",
        _origin(result),
    ]
    scripts = ""
    if charts:
        scripts = (
            f'<script type="application/json" id="charts">{_json(charts)}</script>\n'
            f"<script>{_plotly()}</script>\n<script>{_DRAW}</script>"
        )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
{"".join(body)}
</main>
{scripts}
</body>
</html>
"""


def _panel(panel: DrawnPanel, charts: dict[str, Any], /) -> str:
    """Show a panel as charts, with the picture for a paper below; the charts are added to `charts`."""
    words = " ".join(description(ax) for ax in panel.axes)
    holders = []
    for number, ax in enumerate(panel.axes, start=1):
        name = f"chart-{panel.name}-{number}"
        charts[name] = chart(ax)
        holders.append(
            f'<div class="chart" id="{_text(name)}" role="img" aria-label="{_text(description(ax))}"></div>'
        )
    wide = " wide" if panel.figure.get_figwidth() >= DOUBLE_COLUMN else ""
    return f"""
<section class="panel{wide}">
<h3>{_text(panel.panel.title)}</h3>
<div class="charts">{"".join(holders)}</div>
<details><summary>The picture for a paper (files: figures/{_text(panel.name)}.png, .svg, .pdf)</summary>
<figure><img alt="{_text(words)}" src="data:image/svg+xml;base64,{base64.b64encode(panel.svg).decode("ascii")}"></figure>
</details>
</section>"""


def _verdicts(result: StudyResult, /) -> str:
    """Show what held."""
    if not result.verdicts:
        return ""
    rows = "".join(
        f'<tr><td class="answer {_ANSWERS[verdict.answer]}">{_text(verdict.answer)}</td>'
        f"<td>{_text(verdict.statement)}</td><td>{_text(verdict.evidence)}</td></tr>"
        for verdict in result.verdicts
    )
    head = "<tr><th>verdict</th><th>statement</th><th>evidence</th></tr>"
    power = f"<p>{_text(power_seen(result.results))}</p>"
    return f'<h2>Verdicts</h2><div class="scroll"><table>{head}{rows}</table></div>{power}'


def _closing(result: StudyResult, /) -> str:
    """Show the closing table."""
    header, rows = closing_table(result.summary)
    return f"<h2>Summary</h2>{_table(header, rows)}" if rows else ""


def _origin(result: StudyResult, /) -> str:
    """Show configuration, what was left out, time spent, and provenance."""
    plan = _table(("", "", ""), [(row.section, row.item, row.detail) for row in result.plan.describe()])
    timings = _table(("stage", "seconds"), [(name, f"{value:.1f}") for name, value in result.timings.items()])
    notes = "".join(f"<li>{_text(note)}</li>" for note in result.study.notes)
    provenance = json.dumps(result.provenance, indent=2, ensure_ascii=False, default=str)
    return (
        "<h2>Configuration</h2>"
        + plan
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
        + (f"<h2>Time</h2>{timings}" if result.timings else "")
        + f"<h2>Provenance</h2><details><summary>Models, data and versions</summary>"
        f"<pre>{_text(provenance)}</pre></details>"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[object]], /) -> str:
    """Write a table; nothing in it is markup."""
    head = "".join(f"<th>{_text(cell)}</th>" for cell in header) if any(header) else ""
    lines = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>{f"<tr>{head}</tr>" if head else ""}{lines}</table></div>'


def _text(value: object, /) -> str:
    """Escape for text and for attributes."""
    return html.escape(str(value), quote=True)


def _json(value: Any, /) -> str:
    """Write JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )


def _plotly() -> str:
    """Return Plotly's JavaScript, which its package ships."""
    from plotly.offline import get_plotlyjs

    # Its own source holds this text in a string; inside a page it would end the element.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
