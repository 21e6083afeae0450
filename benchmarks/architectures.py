"""List which architectures of the installed transformers are read right, on tiny random models.

Run ``python benchmarks/architectures.py`` (options: ``--only NAME …``, ``--out docs/architectures.md``, ``--keep FILE``).
Every text and
vision architecture that `transformers.AutoModel` knows is built with its own default configuration made small, saved
with a tokenizer or image processor, and opened with `platoscope.load_model`, whose check at load holds every layer
against the library's own ``hidden_states``, alone and in a padded batch. Prints a page in Markdown: what passes, and
what does not with the reason. With ``--keep`` a run that was stopped goes on where it was. Each is tried in a process of
its own, by one thread and within ``--limit`` seconds of processor time, so that none holds up or ends the others. POSIX
only: it forks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import textwrap
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoModel

from measuring.shrinking import small_settings
from platoscope import load_model
from platoscope.errors import PlatoscopeError
from platoscope.testing.models import save_image_processor, save_tiny_model, save_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

MOST_PARAMETERS = 110_000_000
MOST_MEMORY = 16 << 30  # bytes of addresses, of which torch takes some without using them
TOWERS = {
    "text": ("text_model", "language_model"),
    "vision": ("vision_model", "vision_tower", "vision_encoder", "visual"),
}
_NOT_READ = (
    (
        "refused",
        "Refused",
        (
            "Most ask for more than one text or one image (`grid_thw`, boxes, several images), or are networks of stages",
            "or convolutions, whose configuration has no `num_hidden_layers`. Layers can be named there as modules",
            "([What you have in hand](in-hand.md#models)).",
        ),
    ),
    (
        "not built",
        "No tiny model could be made",
        (
            "Where the library builds its own default configuration, the small sizes that were tried do not fit.",
        ),
    ),
)


class Found(NamedTuple):
    """What came of one architecture, or of one of its towers."""

    name: str
    modality: str
    verdict: str
    """"passes", "refused" or "not built"."""
    say: str


def main() -> None:
    """Try all, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of architectures")
    parser.add_argument("--out", type=Path, help="write the page here")
    parser.add_argument("--keep", type=Path, help="keep what was found in this file, and go on from there")
    parser.add_argument(
        "--kept-only", action="store_true", help="try none, and write the page of what is kept"
    )
    parser.add_argument("--limit", type=int, default=300, help="seconds that one may take (default: 300)")
    options = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    names = options.only or [name for name, config in CONFIG_MAPPING.items() if config in MODEL_MAPPING]
    for name in ("llama", "siglip"):  # imports what most need, once, before there are processes
        MODEL_MAPPING[CONFIG_MAPPING[name]]
    kept: dict[str, list[Any]] = {}
    if options.keep and options.keep.exists():
        kept = json.loads(options.keep.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as cache:
        os.environ["PLATOSCOPE_CACHE"] = cache
        for i, name in enumerate(names):
            if name not in kept and not options.kept_only:
                kept[name] = try_within(name, options.limit)
                print(f"{i + 1}/{len(names)} {name}", file=sys.stderr)
                if options.keep:
                    options.keep.write_text(json.dumps(kept), encoding="utf-8")
    tried = sorted(name for name in names if name in kept)
    page = write_page(
        [Found(*one) for name in tried for one in kept[name]],
        neither=[name for name in tried if not kept[name]],
        n_left=len(names) - len(tried),
    )
    if options.out:
        options.out.write_text(page, encoding="utf-8")
    print(page)


def try_within(name: str, seconds: int) -> list[Found]:
    """Try an architecture in a process of its own, which is ended after so many seconds of processor time."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_tell, args=(name, seconds, sending))
    child.start()
    sending.close()
    try:
        found: list[Found] = receiving.recv()
        return found
    except EOFError:
        child.join()
        late = child.exitcode == -signal.SIGXCPU
        reason = (
            f"it takes more than {seconds} s" if late else f"it ends the process (exit code {child.exitcode})"
        )
    finally:
        child.kill()
        child.join()
    return [Found(name, "", "not built", reason)]


def _tell(name: str, seconds: int, sending: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    torch.set_num_threads(1)
    sending.send(try_architecture(name))


def try_architecture(name: str) -> list[Found]:
    """Build and open an architecture with each attempt at a small configuration; the first that passes counts."""
    if name == "imagegpt":  # reads indices of colors, which no other model's processor makes
        with tempfile.TemporaryDirectory() as folder:
            return [_open(name, save_tiny_model(name, Path(folder)), None)]
    best: list[Found] = []
    try:
        ways = small_settings(CONFIG_MAPPING[name])
    except Exception as error:
        return [Found(name, "", "not built", _line(error))]
    for settings in ways:
        with tempfile.TemporaryDirectory() as folder:
            found = _try_once(name, settings, Path(folder))
        if not found or all(one.verdict == "passes" for one in found):
            return found
        if not best or _how_far(found) > _how_far(best):
            best = found
    return _with_the_librarys_own(name, best)


def _how_far(found: Sequence[Found]) -> tuple[int, int]:
    return (
        sum(one.verdict == "passes" for one in found),
        sum(one.verdict == "refused" for one in found),
    )


def _with_the_librarys_own(name: str, found: list[Found]) -> list[Found]:
    """Say of what was not built whether the library can build its own default configuration."""
    if any(one.verdict != "not built" for one in found):
        return found
    try:
        with torch.device("meta"):
            AutoModel.from_config(CONFIG_MAPPING[name]())
    except Exception as error:
        reason = f"the library does not build its own default configuration: {_line(error)}"
        return [one._replace(say=reason) for one in found]
    return found


def _try_once(name: str, settings: dict[str, Any], folder: Path) -> list[Found]:
    try:
        config = CONFIG_MAPPING[name](**settings)
        with torch.device("meta"):
            outline = AutoModel.from_config(config)
        modality = _modality(outline)
        if modality is None:
            return []
        n_parameters = sum(parameter.numel() for parameter in outline.parameters())
        if n_parameters > MOST_PARAMETERS:
            return [Found(name, modality, "not built", f"{n_parameters:,} parameters when made small")]
        torch.manual_seed(0)
        model = AutoModel.from_config(config)
        for parameter in model.parameters():
            if parameter.is_floating_point() and parameter.ndim > 1:
                parameter.data.normal_(0, 0.2)
        model.save_pretrained(folder)
    except Exception as error:
        return [Found(name, "", "not built", _line(error))]
    save_tokenizer(folder)
    save_image_processor(folder)
    towers = [
        side
        for side, parts in TOWERS.items()
        if any(getattr(model, part, None) is not None for part in parts)
    ]
    if len(towers) == len(TOWERS):
        return [_open(f"{name} ({side})", folder, side) for side in towers]
    return [_open(name, folder, None)]


def _open(name: str, folder: Path, tower: Any) -> Found:
    try:
        encoder = load_model(str(folder), device="cpu", dtype="float32", tower=tower)
    except PlatoscopeError as error:
        return Found(name, tower or "", "refused", _line(error).replace(str(folder), "the model"))
    except Exception as error:  # a traceback for users: to be mended
        return Found(name, tower or "", "refused", f"**bare {type(error).__name__}**: {_line(error)}")
    blocks: Any = encoder.blocks  # type: ignore[attr-defined]
    if blocks.final_norm is None:
        say = "no final norm"
    else:
        say = "after the final norm" if blocks.library_norms else "before the final norm"
    if blocks.entering:
        say += f"; layer {', '.join(map(str, sorted(blocks.entering)))} where it enters the next block"
    if getattr(encoder, "alone", False):
        say += "; each text by itself"
    if blocks.without_embeddings:
        say += "; the library leaves out the embeddings, and its state i is layer i + 1 here"
    if blocks.n_blocks != len(blocks.modules):
        say += "; the same blocks run again"
    return Found(name, encoder.modality, "passes", say)


def _modality(model: Any) -> str | None:
    """Give what a model reads, None if that is sound or time series."""
    if getattr(model.config, "audio_config", None) is not None:
        return None
    return {"input_ids": "text", "pixel_values": "image"}.get(model.main_input_name)


def _line(error: Exception) -> str:
    text = re.sub(r"Cannot read \S+?: ", "", " ".join(str(error).split()))
    text = re.sub(r"^Cannot read the layers of \w+: ", "", text)
    text = re.sub(r"^Class validation error for validator '\w+': (ValueError: )?", "", text)
    text = re.sub(r" from '/[^']*'", "", text)
    for way_out in (
        " Choose another model",
        " Platoscope reads transformers",
        " Of a model of several towers",
    ):
        text = text.partition(way_out)[0]
    if len(text.split()) < 3:  # a key that was not found, say
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text.replace("|", "\\|")[:200]


def write_page(found: Sequence[Found], *, neither: Sequence[str], n_left: int) -> str:
    """Put the page together; `neither` read no texts or images, and `n_left` architectures were not tried."""
    passed = [one for one in found if one.verdict == "passes"]
    counts = {
        verdict: sum(one.verdict == verdict for one in found)
        for verdict in ("passes", "refused", "not built")
    }
    texts = sum(one.modality == "text" for one in passed)
    lines = [
        "# Architectures",
        "",
        "Made by `python benchmarks/architectures.py --out docs/architectures.md`, not by hand. Every text and vision",
        f"architecture that `transformers.AutoModel` of version {version('transformers')} knows (torch",
        f"{version('torch').partition('+')[0]}), as a tiny random model made from its own default configuration. *Passes*",
        "means that the [check at load](models.md#the-check-at-load) found every layer equal to the library's",
        "`hidden_states`, alone and in a batch padded on the right. Random weights prove how an architecture is read; they",
        "say nothing of a checkpoint. Where a tiny model cannot be made, the check at load decides on the real one.",
        "",
        f"{counts['passes']} pass ({texts} read texts, {counts['passes'] - texts} images), {counts['refused']} are",
        f"refused, and of {counts['not built']} no tiny model could be made."
        + f" {len(neither)} read neither texts nor images."
        + (f" {n_left} that the library knows (of any modality) were not tried yet." if n_left else ""),
        "",
        "## Passes",
        "",
        "| Architecture | Reads | The library's last state |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {one.name} | {one.modality} | {one.say} |" for one in passed]
    for verdict, title, note in _NOT_READ:
        lines += ["", f"## {title}", "", *note, "", "| Architecture | Reason |", "| --- | --- |"]
        lines += [f"| {one.name} | {one.say} |" for one in found if one.verdict == verdict]
    lines += [
        "",
        "## Neither texts nor images",
        "",
        "Sound, films, time series or several inputs at once:",
        "",
    ]
    lines += textwrap.wrap(", ".join(neither) + ".", 120)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
