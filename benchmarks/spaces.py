"""What the space does: Δ of one model on one corpus under six preparations, beside what was measured before.

    python benchmarks/spaces.py                        # minutes: 1,000 texts are read twice
    python benchmarks/spaces.py --out docs/measures.md # and put into the page

500 verses in English and Italian, 40 to 80 tokens on both sides (`sample(500, 0)`), Gemma 3 270M in float32 without
the last two tokens. The table holds Δ(en→it) / Δ(it→en) of `mean(20)`, from this code; the line below it says how far
it is from `REFERENCE`, which was computed by other code, with the 5 and 95 % quantiles of the 20 tokens that are
averaged where token values are clipped (here: of all tokens of the text). Then the comparison of measures on the same
pairs: where each has its best layer, and what bias does to CKA where features outnumber items.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from measuring.pages import put

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from platoscope import Representations

MODEL, PAIRS, N, SEED = "gemma-3-270m", "bible:en-it", 500, 0
CLIP = 0.05
LAYERS = (0, 1, 7, 11, 15, 18)
ON_TOKENS = "clip .05 on tokens + unit"
# Per column: whether token values are clipped before pooling, and the transform of the pooled rows.
COLUMNS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "raw, Euclidean": (False, ()),
    "unit norm": (False, ("unit",)),
    ON_TOKENS: (True, ("unit",)),
    "clip .05 on pooled rows + unit": (False, ("clip",)),
    "z-score, Euclidean": (False, ("zscore",)),
    "z-score + unit": (False, ("zscore", "unit")),
}
REFERENCE = {
    "raw, Euclidean": "571/479 940/908 703/682 372/366 419/493 400/377",
    "unit norm": "581/528 855/819 665/614 206/258 339/361 335/356",
    ON_TOKENS: "589/499 509/447 233/304 169/210 272/329 242/327",
    "clip .05 on pooled rows + unit": "600/509 583/491 283/335 166/224 315/329 263/348",
    "z-score, Euclidean": "539/473 488/404 229/217 186/189 267/306 274/365",
    "z-score + unit": "600/505 458/376 201/193 151/156 235/220 239/239",
}
"""Thousandths of Δ in both directions, by layer."""
BARS = {name: 0.03 if name == ON_TOKENS else 0.005 for name in REFERENCE}

Sides = tuple["Representations", "Representations"]


def read(store: Path | None) -> dict[tuple[bool, str], Sides]:
    """Read the pairs with the model, as they are and with token values clipped."""
    from platoscope import extract, load_model, load_pairs
    from platoscope.datasets import filter_lengths

    pairs = load_pairs(PAIRS)
    found: dict[tuple[bool, str], Sides] = {}
    for clipped in (False, True):
        model = load_model(MODEL, dtype="float32", clip=CLIP if clipped else None)
        if not clipped:
            lengths = model.lengths(pairs.a.items), model.lengths(pairs.b.items)
            pairs = filter_lengths(pairs, *lengths).sample(N, SEED)
        poolings = ["mean(20)", "concat(20)"] if clipped else ["mean(20)"]
        a, b = (extract(model, pairs, side=side, pooling=poolings, store=store) for side in "ab")
        found |= {
            (clipped, pooling): (a.with_pooling(pooling), b.with_pooling(pooling)) for pooling in poolings
        }
    return found


def imbalances(rows: Mapping[tuple[bool, str], Sides]) -> dict[str, np.ndarray]:
    """Give Δ in both directions at the layers of the table, shape (n_layers, 2), per column."""
    from platoscope import profile

    values = {}
    for name, (clipped, transform) in COLUMNS.items():
        result = profile(
            *rows[clipped, "mean(20)"],
            measures=["information_imbalance"],
            transform=transform,
            n_resamples=0,
            rng=SEED,
        )
        at = result["information_imbalance"].sel(layer=list(LAYERS))
        values[name] = at.transpose("layer", "direction").values
    return values


def reference(name: str) -> np.ndarray:
    """Give what a column was measured to be, shape (n_layers, 2)."""
    return np.array([pair.split("/") for pair in REFERENCE[name].split()], dtype=float) / 1000


def table(values: Mapping[str, np.ndarray]) -> list[str]:
    """Write the table, and the largest difference of each column from the reference."""
    lines = [f"| layer | {' | '.join(values)} |", f"| --- |{' --- |' * len(values)}"]
    for i, layer in enumerate(LAYERS):
        cells = (" / ".join(f"{value:.3f}" for value in column[i]) for column in values.values())
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    apart = [float(np.abs(column - reference(name)).max()) for name, column in values.items()]
    lines.append(f"| largest difference | {' | '.join(f'{gap:.3f}' for gap in apart)} |")
    bars = [
        f"{gap:.4f} {'≤' if gap <= BARS[name] + 5e-4 else '> (missed)'} {BARS[name]}"
        for name, gap in zip(values, apart, strict=True)
    ]
    print("bars:", "; ".join(bars))
    return lines


def compared(rows: Mapping[tuple[bool, str], Sides]) -> list[str]:
    """Compare the measures: their best layers, what the space and the bias do to CKA, and retrieval."""
    from platoscope import profile

    measures = [
        "information_imbalance",
        "cka_debiased",
        "cka_biased",
        "neighborhood_overlap",
        "retrieval_at_1",
    ]
    raw, mean, concat = (
        profile(*rows[key], measures=chosen, transform=transform, n_resamples=0, rng=SEED)
        for key, transform, chosen in (
            ((False, "mean(20)"), (), measures),
            ((True, "mean(20)"), ("unit",), measures),
            ((True, "concat(20)"), ("unit",), ["cka_biased"]),
        )
    )
    lines = ["| what | prepared (clip .05 on tokens + unit) | raw |", "| --- | --- | --- |"]
    for name, curves in {
        "1 − Δ, mean of both directions": [
            1 - found["information_imbalance"].mean("direction") for found in (mean, raw)
        ],
        "debiased CKA": [found["cka_debiased"] for found in (mean, raw)],
        "neighborhood overlap": [found["neighborhood_overlap"] for found in (mean, raw)],
        "recall@1, en → it": [found["retrieval_at_1"].sel(direction="a_to_b") for found in (mean, raw)],
        "recall@1, it → en": [found["retrieval_at_1"].sel(direction="b_to_a") for found in (mean, raw)],
    }.items():
        lines.append(f"| {name} | {' | '.join(_best(curve) for curve in curves)} |")
    for name, found, last in (("concat(20)", concat, 10), ("mean(20)", mean, 2)):
        inside = found["cka_biased"].sel(layer=slice(0, last))
        lines.append(
            f"| biased CKA of `{name}`, layers 0–{last} | {float(inside.min()):.2f} to {float(inside.max()):.2f} | – |"
        )
    return lines


def _best(curve: xr.DataArray) -> str:
    """Say the value at layer 11 and where the curve is highest."""
    highest = int(curve["layer"][int(curve.argmax("layer"))])
    return f"{float(curve.sel(layer=11)):.2f} at layer 11, highest at {highest} ({float(curve.max()):.2f})"


def main() -> None:
    """Read, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path, help="where representations are kept (the default store)")
    parser.add_argument("--out", type=Path, metavar="PAGE", help="page whose tables are replaced")
    options = parser.parse_args()
    rows = read(options.store)
    text = "\n".join([*table(imbalances(rows)), "", *compared(rows)])
    print(text)
    if options.out is not None:
        put(options.out, "spaces", text)


if __name__ == "__main__":
    main()
