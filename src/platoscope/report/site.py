"""Several runs beside one another: an index that compares them, and a folder of static files that holds their pages."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import quote

import numpy as np

from platoscope.arguments import a_path
from platoscope.errors import InputError, NotFoundError, PlatoscopeError, StorageError
from platoscope.kept import workplace
from platoscope.report._markup import document, escaped
from platoscope.report._names import as_written, direction_label
from platoscope.report.page import write_page
from platoscope.report.summary import closing_table
from platoscope.studies import load_run
from platoscope.studies.design.comparison import Source
from platoscope.studies.design.records import Answer
from platoscope.studies.run.run_folder import RunFolder
from platoscope.studies.run.runs import load_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import xarray as xr

    from platoscope.studies import Plan

__all__ = ["SHOWN_FILES", "find_runs", "index_page", "write_site"]

_CONFIGURATION = "config.json"
_PAGE = "index.html"
_SITE = "site"
SHOWN_FILES: Final = (_PAGE, "results.csv", "summary.json", "verdicts.json", "provenance.json")
"""Files of a run that its site holds, beside the pictures in ``figures/``."""

_DELTA = "information_imbalance"
_DIGITS = 5
_HEADER = ("show", "run", "study", "model", "data", "pairs", "space", "finished", "verdicts", "best layer")


def find_runs(folder: str | Path, /) -> dict[str, Path]:
    """Find the runs in a folder, by the names of their folders.

    Parameters
    ----------
    folder : str or pathlib.Path
        A folder of run folders, as ``platoscope run all --out RUNS`` leaves it, or a run folder itself.

    Returns
    -------
    dict of str to pathlib.Path
        In the order of the names.

    Raises
    ------
    NotFoundError
        If there is none.
    StorageError
        If the folder cannot be read.
    """
    path = a_path("folder", folder)
    if (path / _CONFIGURATION).is_file():
        return {_name(path.resolve()): path}
    try:
        candidates = sorted(path.iterdir()) if path.is_dir() else []
    except OSError as error:
        message = f"cannot read the folder {path}: {error.strerror or error}"
        raise StorageError(message) from error
    found = {_name(item): item for item in candidates if (item / _CONFIGURATION).is_file()}
    if not found:
        message = (
            f"{path} holds no run: neither it nor a folder in it has a config.json. Give the folder of a run, or one with "
            "run folders in it; `platoscope run STUDY` writes to runs/STUDY."
        )
        raise NotFoundError(message)
    return found


def index_page(runs: Mapping[str, Path], /) -> str:
    """Write the page that lists runs and draws the profiles of chosen ones over one another.

    Parameters
    ----------
    runs : mapping of str to pathlib.Path
        Run folders by name, as `find_runs` gives them; the page of each is linked as ``NAME/index.html``.

    Returns
    -------
    str
        HTML that stands alone. A run that is damaged or not finished is listed with the reason.
    """
    cards = [_card(name, path) for name, path in runs.items()]
    whole = [card for card in cards if "problem" not in card]
    rows = "".join(_row(number, card) for number, card in enumerate(whole))
    broken = "".join(
        f"<li><b>{escaped(card['name'])}</b>: {escaped(card['problem'])}</li>"
        for card in cards
        if "problem" in card
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADER)
    studies = "".join(
        f'<option value="{escaped(name)}">{escaped(name)}</option>'
        for name in dict.fromkeys(c["study"] for c in whole)
    )
    body = _INDEX.format(
        count=f"{len(cards)} run{'s' * (len(cards) != 1)}", studies=studies, head=head, rows=rows,
        broken=f"<h2>Runs that cannot be shown</h2><ul>{broken}</ul>" if broken else "",
    )  # fmt: skip
    data = {"runs": {"runs": [{name: card[name] for name in ("name", "study", "curves")} for card in whole]}}
    return document("Runs of Platoscope", body, data=data)


_INDEX = """<h1>Runs</h1>
<p class="question">{count}. Choose some of one study to see their profiles over one another.</p>
<div class="controls">
<label>Study <select id="study"><option value="">all</option>{studies}</select></label>
<label>Direction <select id="direction"><option value="a_to_b">A → B</option>
<option value="b_to_a">B → A</option></select></label>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="Runs">
<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
<h2>Profiles</h2>
<p id="said" role="status"></p>
<div class="chart hidden" id="overlay" role="figure" aria-label="Δ of the chosen runs over relative depth"></div>
{broken}"""


def write_site(runs: Mapping[str, Path], out: str | Path, /, *, items: bool = True) -> Path:
    """Write a static site of runs: the index, and of each run the page, the pictures and the tables.

    Parameters
    ----------
    runs : mapping of str to pathlib.Path
        Run folders by name, as `find_runs` gives them.
    out : str or pathlib.Path
        An empty folder, or one that is not there yet. It is there when the whole site is: a call that is killed leaves
        nothing in its place.
    items : bool, default: True
        Whether texts and pictures of the pairs stand in the pages; without them pages are written anew.

    Returns
    -------
    pathlib.Path
        The index.

    Raises
    ------
    InputError
        If the folder holds something, or is the one that this process is in.
    StorageError
        If it cannot be written.
    """
    target = Path(out)
    try:
        _check_is_free(target)
        real = target.resolve()
        with workplace(real.parent) as place:
            _write_runs(runs, place / _SITE, items=items)
            if real.exists():
                real.rmdir()
            (place / _SITE).rename(real)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        message = f"cannot write the site {target}: {error.strerror or error}"
        raise StorageError(message) from error
    return target / _PAGE


def _check_is_free(target: Path, /) -> None:
    """Refuse a place for a site that holds something, or that this process would lose sight of."""
    if not target.exists():
        return
    if not target.is_dir() or any(target.iterdir()):
        message = (
            f"{target} holds something already; give an empty folder, or a name that is free, for the site"
        )
        raise InputError(message)
    if target.samefile("."):
        message = f"{target} is the folder that you are in; give the site another one, or a name that is free"
        raise InputError(message)


def _write_runs(runs: Mapping[str, Path], site: Path, /, *, items: bool) -> None:
    """Write a site to a folder that is not there."""
    site.mkdir()
    for name, path in runs.items():
        has_page = _copy_run(path, site / name, page=items)
        if has_page and not items:
            write_page(load_run(path), site / name, items=False)
    (site / _PAGE).write_text(index_page(runs), encoding="utf-8")


def _name(path: Path, /) -> str:
    """Return the name of a folder as text, whatever bytes it has."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


def _copy_run(path: Path, target: Path, /, *, page: bool) -> bool:
    """Copy what a reader of a run looks at, as far as it is there; say whether it has a page, copied or not."""
    target.mkdir()
    for name in SHOWN_FILES:
        if (path / name).is_file() and (page or name != _PAGE):
            shutil.copyfile(path / name, target / name)
    if (path / "figures").is_dir():
        shutil.copytree(path / "figures", target / "figures")
    return (path / _PAGE).is_file()


def _card(name: str, path: Path, /) -> dict[str, Any]:
    """Read what the index says of a run; of one that cannot be read, why."""
    folder = RunFolder(path)
    try:
        plan = load_plan(path)
        provenance = folder.read_json("provenance")
        summary = folder.read_json("summary")
        answers = Counter(verdict["answer"] for verdict in folder.read_json("verdicts"))
        rows = {row["label"]: row for row in summary["rows"]}
        profiles = {label: folder.read_result(label) for label in rows}
    except (PlatoscopeError, KeyError, TypeError, AttributeError) as error:
        reason = (
            str(error)
            if isinstance(error, PlatoscopeError)
            else f"its files are of another version: {error!r}"
        )
        return {"name": name, "problem": reason}
    return {
        "name": name,
        "page": (path / _PAGE).is_file(),
        "study": plan.study.name,
        "models": _models(plan),
        "data": list(dict.fromkeys(item.items.data for item in plan.comparisons if item.items is not None)),
        "n": sorted({int(row["n_samples"]) for row in rows.values()} or {plan.settings.n}),
        "spaces": list(dict.fromkeys(str(row["space"]) for row in rows.values() if "space" in row)),
        "finished": str(provenance.get("machine", {}).get("finished", "")),
        "answers": {answer: answers[answer] for answer in get_args(Answer) if answers[answer]},
        "best": _best(summary, _baselines(plan)),
        "curves": [_curve(label, result) for label, result in profiles.items() if result is not None],
    }


def _models(plan: Plan, /) -> list[str]:
    """Name the models of a run."""
    sides = [side for item in plan.comparisons for side in item.all_sides]
    return list(dict.fromkeys(side.model for side in sides if isinstance(side, Source)))


def _baselines(plan: Plan, /) -> set[str]:
    """Name the comparisons that others are held against: null models."""
    drawn = [
        (label, name in panel.baselines)
        for panel in plan.panels
        for label, name in zip(panel.labels, panel.names or panel.labels, strict=True)
    ]
    return {label for label, against in drawn if against}


def _best(summary: Mapping[str, Any], baselines: Collection[str], /) -> str:
    """Say the best layer of the comparison with the smallest Δ, of those that are no baselines."""
    header, rows = closing_table(summary)
    smallest = [
        np.inf
        if row["label"] in baselines
        else min((best["value"] for best in row.get("best", {}).values()), default=np.inf)
        for row in summary["rows"]
    ]
    if not rows or not np.isfinite(smallest).any():
        return ""
    row = rows[int(np.argmin(smallest))]
    parts = [
        f"{name.removeprefix('best layer ')} {row[i]}"
        for i, name in enumerate(header)
        if name.startswith("best")
    ]
    return f"{row[0]}: {'; '.join(parts)}"


def _curve(label: str, result: xr.Dataset, /) -> dict[str, Any]:
    """Give Δ of a profile or sweep over the relative depth of the side that moves."""
    depths = [np.asarray(result[f"relative_depth_{side}"].values, dtype=np.float64) for side in ("a", "b")]
    moves = depths[1] if len(depths[0]) > 1 and np.all(depths[0] == depths[0][0]) else depths[0]
    lines = {}
    for direction in ("a_to_b", "b_to_a"):
        own = result.sel(direction=direction)
        parts = {"values": _DELTA, "low": f"{_DELTA}_low", "high": f"{_DELTA}_high"}
        lines[direction] = {part: _rounded(own[name]) for part, name in parts.items() if name in own}
    return {
        "label": f"{label} ({as_written(direction_label('a_to_b', result))})",
        "n": int(result.attrs["n_samples"]),
        "space": str(result.attrs.get("space", "")),
        "x": [round(float(value), _DIGITS) for value in moves],
        "lines": lines,
    }


def _rounded(values: xr.DataArray, /) -> list[float | None]:
    """Return plain rounded numbers, None where one is not finite."""
    return [round(float(value), _DIGITS) if np.isfinite(value) else None for value in values.values]


def _row(number: int, card: Mapping[str, Any], /) -> str:
    """Write the row of a run."""
    name = escaped(card["name"])
    link = (
        f'<a href="{_href(card["name"])}">{name}</a>'
        if card["page"]
        else f"{name} (no page: platoscope figures)"
    )
    box = f'<input type="checkbox" id="run-{number}" aria-label="show {name}"{"" if card["curves"] else " disabled"}>'
    cells = [
        *(", ".join(card[key]) for key in ("models", "data")),
        ", ".join(f"{n:,}" for n in card["n"]),
        " | ".join(card["spaces"]),
        card["finished"].replace("T", " ")[:16],
        ", ".join(f"{count} {answer}" for answer, count in card["answers"].items()),
        card["best"],
    ]
    rest = "".join(f"<td>{escaped(cell or '–')}</td>" for cell in cells)
    return f'<tr><td>{box}</td><th scope="row">{link}</th><td>{escaped(card["study"])}</td>{rest}</tr>'


def _href(name: str, /) -> str:
    """Return the relative address of the page of a run, with every odd character as its number."""
    return f"./{quote(name)}/index.html"
