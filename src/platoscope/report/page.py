"""One HTML page per run: the question, the answers, the figures, and where it all comes from.

The page is a single file that loads nothing, so it can be mailed, archived, and read without a network.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from platoscope.arguments import a_path
from platoscope.checks import flag
from platoscope.errors import StorageError
from platoscope.kept import note_anew
from platoscope.report._markup import document, escaped, table
from platoscope.report.explorer import explorer_data, explorer_section
from platoscope.report.figures import draw_result, panels_of, write_figures
from platoscope.report.interactive import chart, description
from platoscope.report.style import DOUBLE_COLUMN
from platoscope.report.summary import closing_table
from platoscope.studies.judge.power import power_seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platoscope.report.figures import DrawnPanel
    from platoscope.studies import StudyResult

__all__ = ["write_page", "write_report"]

_ANSWERS = {"held": "held", "did not hold": "not", "not decided": "open", "not computed here": "open"}


def write_page(
    result: StudyResult,
    folder: str | Path,
    /,
    *,
    drawn: Sequence[DrawnPanel] | None = None,
    items: bool = True,
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
    items : bool, default: True
        Whether texts and pictures of the pairs stand in the page, as far as the run keeps them and their license lets
        them be shown.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    StorageError
        If the folder or the page cannot be written, or the pairs that the run keeps are damaged.
    """
    flag("items", items)
    panels = panels_of(result, drawn)
    path = a_path("folder", folder) / "index.html"
    partial = path.with_name(".index.html.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(_page(result, panels, items=items), encoding="utf-8")
        partial.replace(path)
        note_anew(path.parent, [path.name])
    except OSError as error:
        message = f"cannot write the page {path}: {error.strerror or error}"
        raise StorageError(message) from error
    return path


def write_report(result: StudyResult, folder: str | Path, /, *, items: bool = True) -> Path:
    """Draw a run once, and write its figures (in ``figures/``) and its page.

    Parameters
    ----------
    result : StudyResult
        What `platoscope.studies.execute` or `load_run` returns.
    folder : str or pathlib.Path
        The run folder.
    items : bool, default: True
        Whether texts and pictures of the pairs stand in the page; see `write_page`.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    StorageError
        If the folder cannot be written, or the pairs that the run keeps are damaged.
    """
    flag("items", items)
    drawn = draw_result(result)
    write_figures(result, a_path("folder", folder) / "figures", drawn=drawn)
    return write_page(result, folder, drawn=drawn, items=items)


def _page(result: StudyResult, drawn: Sequence[DrawnPanel], /, *, items: bool) -> str:
    """Put the page together."""
    charts: dict[str, Any] = {}
    sections = [_panel(panel, charts) for panel in drawn]
    study = result.study
    figure = f" Figure {study.figure} of the paper." if study.figure else ""
    explorer = explorer_data(result, items=items)
    body = [
        f"<h1>{escaped(study.name)}</h1>",
        f'<p class="question">{escaped(study.question)}{escaped(figure)}</p>',
        _verdicts(result),
        _closing(result),
        explorer_section(explorer),
        f'<h2>Figures</h2>\n<div class="panels">{"".join(sections)}</div>' if sections else "",
        _origin(result),
    ]
    data = {"charts": charts} if charts else {}
    if explorer["comparisons"]:
        data["explorer"] = explorer
    return document(f"{study.name}: {study.question}", "\n".join(body), data=data)


def _panel(panel: DrawnPanel, charts: dict[str, Any], /) -> str:
    """Show a panel as charts, with the picture for a paper below; the charts are added to `charts`."""
    words = " ".join(description(ax) for ax in panel.axes)
    holders = []
    for number, ax in enumerate(panel.axes, start=1):
        name = f"chart-{panel.name}-{number}"
        charts[name] = chart(ax)
        holders.append(
            f'<div class="chart" id="{escaped(name)}" role="figure" aria-label="{escaped(description(ax))}"></div>'
        )
    wide = " wide" if panel.figure.get_figwidth() >= DOUBLE_COLUMN else ""
    return f"""
<section class="panel{wide}">
<h3>{escaped(panel.panel.title)}</h3>
<div class="charts">{"".join(holders)}</div>
<details><summary>The picture for a paper (files: figures/{escaped(panel.name)}.png, .svg, .pdf)</summary>
<figure><img alt="{escaped(words)}" src="data:image/svg+xml;base64,{base64.b64encode(panel.svg).decode("ascii")}"></figure>
</details>
</section>"""


def _verdicts(result: StudyResult, /) -> str:
    """Show what held."""
    if not result.verdicts:
        return ""
    rows = "".join(
        f'<tr><th scope="row" class="answer {_ANSWERS[verdict.answer]}">{escaped(verdict.answer)}</th>'
        f"<td>{escaped(verdict.statement)}</td><td>{escaped(verdict.evidence)}</td></tr>"
        for verdict in result.verdicts
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("verdict", "statement", "evidence"))
    power = f"<p>{escaped(power_seen(result.results))}</p>"
    return (
        '<h2>Verdicts</h2><div class="scroll" tabindex="0" role="region" aria-label="Verdicts">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{power}"
    )


def _closing(result: StudyResult, /) -> str:
    """Show the closing table."""
    header, rows = closing_table(result.summary)
    return f"<h2>Summary</h2>{table(header, rows, caption='Summary')}" if rows else ""


def _origin(result: StudyResult, /) -> str:
    """Show configuration, what was left out, time spent, and provenance."""
    plan = table(
        (), [(row.section, row.item, row.detail) for row in result.plan.describe()], caption="Configuration"
    )
    timings = table(
        ("stage", "seconds"),
        [(name, f"{value:.1f}") for name, value in result.timings.items()],
        caption="Time",
    )
    notes = "".join(f"<li>{escaped(note)}</li>" for note in result.study.notes)
    provenance = json.dumps(result.provenance, indent=2, ensure_ascii=False, default=str)
    return (
        "<h2>Configuration</h2>"
        + plan
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
        + (f"<h2>Time</h2>{timings}" if result.timings else "")
        + f"<h2>Provenance</h2><details><summary>Models, data and versions</summary>"
        f"<pre>{escaped(provenance)}</pre></details>"
    )
