"""What the page of a run needs to show single pairs: curves and maps to choose a layer on, and the ranks behind them.

Ranks and neighbors are numbers of every pair in every layer, so they are packed; the page unpacks those of the
comparison that is looked at.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from platoscope.errors import StorageError
from platoscope.layerwise import DIAGNOSTICS, take_profile
from platoscope.measures import split_variable
from platoscope.report._item_ranks import CELLS, packed_ranks, ranked_over
from platoscope.report._lines import directions_of
from platoscope.report._markup import escaped
from platoscope.report._names import as_written, direction_label, full_label, label, lowest_is_best
from platoscope.studies import read_items
from platoscope.studies.design.measured import ITEMS_LEFT_OUT
from platoscope.wording import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr

    from platoscope.studies import StudyResult

__all__ = ["MOST_BYTES", "explorer_data", "explorer_section"]

MOST_BYTES: Final = 9_000_000
"""Of the pairs and their ranks in a page: with the charts a page stays under 15 MB, which a browser opens at once."""

_DIGITS = 5
_SELECTS = {
    "comparison": "Comparison",
    "measure": "Measure",
    "space": "Space of the chart",
    "direction": "Direction",
    "layer-a": "Layer of A",
    "layer-b": "Layer of B",
}
_SOMETIMES = ("comparison", "space")
_SECTION = """<h2 id="pairs-title">Pairs</h2>
<p>Choose a layer, in the charts or the lists, and see its pairs in the order of a rank. The rank of the neighbor, A → B, is
that of the pair that is nearest in A: where its B stands among all others, as seen from the pair's own B. It is 1 where
both sides have the same nearest neighbor, and about half the number of pairs by chance. Δ is 2/N times the mean of these
ranks, so that the pairs with high ranks carry it. A pair that is the nearest neighbor of many others is a hub, which says
little of any of them.</p>
<noscript><p class="notice">The list needs JavaScript, which this browser does not run.</p></noscript>
<div class="controls">{selects}</div>
<div class="charts"><div class="chart" id="profile" role="figure"></div>
<div class="chart hidden" id="grid" role="figure"></div></div>
<div class="controls" role="search">
<label>Search ids and texts <input type="search" id="search"></label>
<label class="hidden">Stratum <select id="stratum"></select></label>
</div>
<p class="notice" id="unranked"></p>
<p id="said" role="status"></p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="pairs-title">
<table id="pairs"><thead></thead><tbody></tbody></table></div>
<div class="pages"><button type="button" id="previous">Previous</button> <span id="place"></span>
<button type="button" id="next">Next</button></div>
<p class="notice" id="license"></p>
<p class="notice">{left_out}</p>"""


def explorer_data(result: StudyResult, /, *, items: bool = True) -> dict[str, Any]:
    """Collect what the page shows of single pairs.

    Parameters
    ----------
    result : StudyResult
        A run.
    items : bool, default: True
        Whether texts and pictures come along; ids and strata always do.

    Returns
    -------
    dict
        ``comparisons``, one for each that holds the ranks of its pairs, that of the study's first statement before all
        others, and with a grid beside it those of every cell, or why they are not there; ``items``, what these pairs are,
        by the name that comparisons give, without texts and pictures where these do not fit into `MOST_BYTES`; and
        ``left_out``, the labels of comparisons that do not fit at all. Plain values only.

    Raises
    ------
    StorageError
        If the pairs that the run keeps are damaged, or not those of its results.
    """
    comparisons: list[dict[str, Any]] = []
    pairs: dict[str, Any] = {}
    left_out: list[str] = []
    room = MOST_BYTES
    for name in _main_first(result):
        dataset = _profile_of(result.results[name])
        whole = _pairs(result, name, dataset, shown=items)
        found = _comparison(name, dataset, result.results)
        for own in (whole, _by_name(whole)):
            # Comparisons of the same sides of the same pairs share them.
            key = next((known for known, others in pairs.items() if others == own), f"pairs {len(pairs)}")
            size = _bytes(found) + (0 if key in pairs else _bytes(own))
            if size <= room:
                room -= size
                pairs[key] = own
                comparisons.append(found | {"items": key})
                break
        else:
            left_out.append(name)
    _add_cells(result, comparisons, room)
    return {"comparisons": comparisons, "items": pairs, "left_out": left_out}


def explorer_section(data: Mapping[str, Any], /) -> str:
    """Write the part of the page in which one chooses a layer and sees its pairs; what is in it comes with the script.

    Parameters
    ----------
    data : mapping
        What `explorer_data` returns.

    Returns
    -------
    str
        HTML: the controls, the charts and an empty table, or why there is none.
    """
    left_out = ""
    if data["left_out"]:
        left_out = (
            f"The pairs of {listed(data['left_out'])} are left out, so that the page stays small; "
            "the results of the run hold their ranks."
        )
    if not data["comparisons"]:
        why = left_out or (
            "This run keeps no ranks of single pairs: it compares none, was made with --no-items, or before they were "
            "kept. Run the study again to see them."
        )
        return f'<h2>Pairs</h2><p class="notice">{escaped(why)}</p>'
    selects = "".join(
        f'<label{" class=hidden" if name in _SOMETIMES else ""}><span id="{name}-name">{text}</span>'
        f'<select id="{name}"></select></label>'
        for name, text in _SELECTS.items()
    )
    return _SECTION.format(selects=selects, left_out=escaped(left_out))


def _pairs(result: StudyResult, name: str, dataset: xr.Dataset, /, *, shown: bool) -> dict[str, Any]:
    """Give the pairs of a comparison: their ids, and what they are as far as it is kept and may be shown."""
    ids = [str(item) for item in dataset["item"].values]
    kept = read_items(result, name)
    if kept is None:
        return {
            "ids": ids,
            "strata": None,
            "shown": False,
            "why": "The run keeps no texts or pictures of its pairs.",
        }
    if list(kept.ids) != ids:
        message = (
            f"the pairs that {result.folder} keeps of {name!r} are not those of its result; run the study again "
            f"with --out {result.folder}"
        )
        raise StorageError(message)
    why = ""
    if not kept.shown:
        why = f"The license of {kept.pairs} ({kept.license or 'not stated'}) keeps its texts and pictures out of this page."
    elif not shown:
        why = "The page was made without texts and pictures of the pairs."
    about = {
        "ids": ids,
        "strata": list(kept.strata) if any(kept.strata) else None,
        "shown": not why,
        "why": why,
    }
    if not why:
        about |= {
            "modalities": list(kept.modalities),
            "titles": list(kept.titles) or None,
            "a": list(kept.a),
            "b": list(kept.b),
            "license": kept.license,
        }
    return about


def _main_first(result: StudyResult, /) -> list[str]:
    """Give the labels of what has ranks, in the study's order after the first one that a statement is about."""
    over = {name: ranked_over(dataset) for name, dataset in result.results.items()}
    told = [_stacks(dataset) for name, dataset in result.results.items() if over[name] == {"layer"}]
    ranked = [
        name
        for name, dataset in result.results.items()
        # A grid stands beside the profile of its sides; without one it has a profile in it.
        if over[name] == {"layer"} or (over[name] == CELLS and _stacks(dataset) not in told)
    ]
    main = next((name for verdict in result.verdicts for name in verdict.needs if name in ranked), None)
    return sorted(ranked, key=lambda name: name != main)


def _profile_of(dataset: xr.Dataset, /) -> xr.Dataset:
    """Give what has one value a layer: a result that has, or the profile within a grid."""
    if ranked_over(dataset) != CELLS:
        return dataset
    equal = dataset.sizes["layer_a"] == dataset.sizes["layer_b"]
    return take_profile(dataset, match="index" if equal else "relative_depth")


def _add_cells(result: StudyResult, comparisons: Sequence[dict[str, Any]], room: int, /) -> None:
    """Give grids the ranks of single items in all their cells as long as there is room; where there is none, say so."""
    for comparison in comparisons:
        if comparison["grid"] is None:
            continue
        name = comparison["grid"]["label"]
        dataset = result.results[name]
        if ranked_over(dataset) != CELLS:
            why = dataset.attrs.get(ITEMS_LEFT_OUT, "The run keeps the ranks of matched layers only.")
            comparison["grid"]["why"] = why
            continue
        _check_same_items(result, name, comparison["label"])
        cells = packed_ranks(dataset, ("layer_a", "layer_b"))
        size = _bytes(cells)
        if size <= room:
            room -= size
            comparison["grid"]["cells"] = cells
        else:
            comparison["grid"]["why"] = (
                f"The ranks in all cells would add {size / 1e6:.1f} MB and make this page too large. "
                f"platoscope.load_run(RUN).per_item({name!r}) has them."
            )


def _check_same_items(result: StudyResult, grid: str, profile: str, /) -> None:
    """Refuse a grid of other pairs than those of its profile."""
    ids = [result.results[name]["item"].values.tolist() for name in (grid, profile)]
    if ids[0] != ids[1]:
        message = (
            f"the pairs of {grid!r} in {result.folder} are not those of {profile!r}; run the study again with --out "
            f"{result.folder}"
        )
        raise StorageError(message)


def _by_name(about: Mapping[str, Any], /) -> dict[str, Any]:
    """Leave out what pairs are, where it is too much for a page."""
    why = about["why"] or "Texts and pictures of so many pairs would make the page too large."
    return {"ids": about["ids"], "strata": about["strata"], "shown": False, "why": why}


def _comparison(name: str, dataset: xr.Dataset, results: Mapping[str, xr.Dataset], /) -> dict[str, Any]:
    """Give one comparison: its layers, its curves, the grid and the spaces beside it, and its packed ranks."""
    siblings = [
        other for other in results.values() if other is not dataset and _sides(other) == _sides(dataset)
    ]
    grid = next((label for label, other in results.items() if _is_grid_of(other, dataset)), None)
    spaces = next(
        (other for other in siblings if other.attrs.get("kind") == "spaces" and "space" in other.dims), None
    )
    sides = ("a", "b")
    return {
        "label": name,
        "names": [as_written(str(dataset.attrs.get(f"name_{side}", side.upper()))) for side in sides],
        "directions": {
            direction: as_written(direction_label(direction, dataset))
            for direction in map(str, dataset["direction"].values)
        },
        "space": str(dataset.attrs.get("space", "")),
        "layers": [
            [int(a), int(b)]
            for a, b in zip(dataset["layer_a"].values, dataset["layer_b"].values, strict=True)
        ],
        "measures": _measures(dataset, {"layer"}),
        "spaces": {} if spaces is None else _spaces(spaces),
        "grid": None if grid is None else {"label": grid, **_grid(results[grid])},
        "matched": packed_ranks(dataset, ("layer",)),
    }


def _sides(dataset: xr.Dataset, /) -> object:
    """Give what two comparisons have in common when one shows another view of the same two stacks; itself if unknown."""
    written = dataset.attrs.get("comparison")
    if written is None:
        return id(dataset)
    said = json.loads(written)
    return [said.get(part) for part in ("a", "b", "items", "shuffle")]


def _stacks(dataset: xr.Dataset, /) -> object:
    """Give what a profile has in common with the grid that it is a slice of: the sides, and their space."""
    return _sides(dataset), dataset.attrs.get("space")


def _is_grid_of(other: xr.Dataset, dataset: xr.Dataset, /) -> bool:
    """Say whether a result is the grid of the sides of another one, in the same space."""
    is_grid = other.attrs.get("kind") == "grid" and set(other.dims) >= CELLS
    return is_grid and _stacks(other) == _stacks(dataset)


def _spaces(dataset: xr.Dataset, /) -> dict[str, Any]:
    """Give the curves of every space, by what the space is called in full."""
    written = dataset.attrs.get("spaces")
    names: Sequence[str] = json.loads(written) if written else [str(name) for name in dataset["space"].values]
    return {name: _measures(dataset.isel(space=i), {"layer"}) for i, name in enumerate(names)}


def _grid(dataset: xr.Dataset, /) -> dict[str, Any]:
    """Give the maps over every two layers."""
    return {
        "layers_a": dataset["layer_a"].values.tolist(),
        "layers_b": dataset["layer_b"].values.tolist(),
        "measures": _measures(dataset, {"layer_a", "layer_b"}),
    }


def _measures(dataset: xr.Dataset, over: set[str], /) -> list[dict[str, Any]]:
    """Give every measure that a result has over these dimensions, with a line or map for each direction."""
    found = []
    for name in map(str, dataset.data_vars):
        dims = set(dataset[name].dims)
        if split_variable(name)[1] or name in DIAGNOSTICS or dims - {"direction"} != over:
            continue
        found.append(
            {
                "name": name,
                "label": as_written(label(name, dataset)),
                "lowest_is_best": lowest_is_best(name, dataset),
                "lines": [
                    _line(dataset, name, direction) for direction in directions_of(dataset, name) or ("",)
                ],
            }
        )
    return found


def _line(dataset: xr.Dataset, name: str, direction: str, /) -> dict[str, Any]:
    """Give one direction of a measure, with its interval where it has one."""
    named = full_label(name, direction, dataset) if direction else label(name, dataset)
    line: dict[str, Any] = {"direction": direction, "name": as_written(named)}
    for part in ("", "_low", "_high"):
        if f"{name}{part}" in dataset:
            values = dataset[f"{name}{part}"]
            values = values.sel(direction=direction) if "direction" in values.dims else values
            if set(values.dims) == {"layer_a", "layer_b"}:
                if part:
                    continue  # a map shows no interval
                values = values.transpose("layer_b", "layer_a")
            line[part.lstrip("_") or "values"] = _plain(np.asarray(values.values, dtype=np.float64))
    return line


def _bytes(value: Any, /) -> int:
    """Return the size of a plain value in a page."""
    return len(json.dumps(value, ensure_ascii=False).encode())


def _plain(values: np.ndarray, /) -> list[Any]:
    """Return rounded numbers, None where one is not finite: JSON knows no NaN."""
    rounded = np.round(values, _DIGITS).astype(object)
    rounded[~np.isfinite(values)] = None
    return list(rounded.tolist())
