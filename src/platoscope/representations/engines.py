"""Pooling the hidden states that inference engines hand out: files of vLLM, responses of SGLang."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from platoscope.arguments import a_path, sequence
from platoscope.checks import in_short, listing, whole_number, whole_numbers, word
from platoscope.errors import InputError, guarded
from platoscope.filenames import natural
from platoscope.representations._files import read_file, require_file
from platoscope.representations._prompts import (
    Prompt,
    PromptRules,
    Vocabulary,
    as_states,
    chosen_ids,
    pool_prompts,
)
from platoscope.representations.representations import Representations

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from platoscope.models.pooling import Pooling

__all__ = ["import_sglang", "import_vllm"]


def import_vllm(
    folder: str | os.PathLike[str],
    /,
    *,
    layers: Sequence[int],
    pooling: str | Pooling | Sequence[str | Pooling] = "mean(20)",
    drop_last: int = 2,
    keep_first: bool = False,
    clip: float | None = None,
    n_special: int | None = None,
    depth: int | None = None,
    files: Mapping[str, str] | Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    tokenizer: Any = None,
    texts: Mapping[str, str] | None = None,
) -> Representations:
    """Pool the hidden states that vLLM saved, one safetensors file per prompt.

    With ``speculative_config={"method": "extract_hidden_states", …}`` and the connector ``ExampleHiddenStatesConnector``
    vLLM writes for every request ``REQUEST_ID.safetensors`` with ``hidden_states`` of shape ``(n_tokens, n_layers,
    n_features)`` and ``token_ids`` of shape ``(n_tokens,)`` [1]_. Its layer id l is the state after block l, before any
    final norm, and 0 the embeddings: the numbering of Platoscope.

    Parameters
    ----------
    folder : path
        Where the files lie.
    layers : sequence of int
        The layer ids that vLLM was asked for (``eagle_aux_hidden_state_layer_ids``), in its order; the files do not say.
    pooling : str, Pooling or sequence of them
        As for `extract`, without ``cls`` and ``eos``.
    drop_last, keep_first, clip
        As for `platoscope.models.load_model`.
    n_special : int, optional
        How many special tokens (BOS) the tokenizer put before each prompt; they never enter. By default what `tokenizer`
        says, or 0 without one.
    depth : int, optional
        Number of blocks of the model; the largest of `layers` by default.
    files : mapping of str to str, or sequence of str, optional
        Names of the files in `folder` by the ids of the items (vLLM says each in ``kv_transfer_params``); a sequence names
        the items after the files. By default all of the folder, by the numbers in their names.
    ids : sequence of str, optional
        Which items, in which order; by default all that there are. Requests end in any order, so an item is found by its
        id and never by its place.
    tokenizer : str, path or tokenizer of transformers, optional
        The model's. It says which tokens at the ends of a prompt are special, and a token it does not know is an error.
    texts : mapping of str to str, optional
        The prompts by the ids of the items: `tokenizer` must make of each the tokens of its file.

    Returns
    -------
    Representations
        In memory, float32; one file is read at a time.

    Raises
    ------
    InputError
        If there are no such folder or files, their layers differ from `layers`, a file has not one state per token, states
        that are not finite or were never written, other tokens than its text, a prompt is too short, or `clip` is no share.
    NotFoundError
        If an id has no file, or a text is missing.
    MissingExtraError
        If safetensors is not installed.

    References
    ----------
    .. [1] vLLM, ``docs/features/speculative_decoding/extract_hidden_states.md`` and
       ``vllm/distributed/kv_transfer/kv_connector/v1/example_hidden_states_connector.py``.
    """
    root = a_path("folder", folder)
    layers = whole_numbers("layers", layers, low=0)
    rules = PromptRules.of(
        pooling,
        drop_last=drop_last,
        keep_first=keep_first,
        clip=clip,
        n_special=n_special,
        vocabulary=Vocabulary.of(tokenizer, texts),
    )
    known = _files_of(root, files)
    if not known:
        message = (
            f"There is no .safetensors file in {str(root)!r}; expected one per prompt, as vLLM writes them."
            if root.is_dir()
            else f"There is no folder {str(root)!r}; expected one of .safetensors files, as vLLM writes them."
        )
        raise InputError(message)
    chosen = chosen_ids(known, _as_ids(ids), repr(str(root)))
    return Representations.from_arrays(
        pool_prompts((_read_vllm(name, known[name], layers) for name in chosen), rules),
        ids=chosen,
        layers=layers,
        depth=depth,
        provenance={"imported_from": "vLLM hidden states", "final_norm": False, **rules.provenance},
    )


def import_sglang(
    path: str | os.PathLike[str],
    /,
    *,
    depth: int,
    pooling: str | Pooling | Sequence[str | Pooling] = "mean(20)",
    drop_last: int = 2,
    keep_first: bool = False,
    clip: float | None = None,
    n_special: int | None = None,
    ids: Sequence[str] | None = None,
    tokenizer: Any = None,
    texts: Mapping[str, str] | None = None,
) -> Representations:
    """Pool the hidden states in saved responses of SGLang: one layer, the last, after the final norm.

    A server with ``--enable-return-hidden-states`` answers ``/generate`` with ``return_hidden_states`` by what
    ``Engine.generate`` returns as well: per prompt an object whose ``meta_info`` has ``id`` (the ``rid`` of the request),
    ``prompt_tokens``, ``cached_tokens`` and ``hidden_states``, a list that begins with one row of features per token of the
    prompt [1]_. What follows in it is of tokens that were generated, and is not read. Start the server with
    ``--disable-radix-cache`` and ``--chunked-prefill-size -1``: otherwise states belong to other tokens than one thinks.

    Parameters
    ----------
    path : path
        ``.json``: a response, or a list of them; ``.jsonl``: one response per line. Read whole.
    depth : int
        Number of blocks of the model, which is the number of the layer.
    pooling, drop_last, keep_first, clip, n_special
        As for `import_vllm`.
    ids : sequence of str, optional
        Which items, in which order, by the ``rid`` of their requests; by default all, as they stand.
    tokenizer, texts
        As for `import_vllm`; the responses do not say their tokens, so that their number is checked, and a tokenizer
        needs texts.

    Returns
    -------
    Representations
        In memory, float32.

    Raises
    ------
    InputError
        If the file cannot be read, a response has no hidden states or not one per token of its prompt, or was answered
        with the help of a cache, a prompt is too short, or `clip` is no share.
    NotFoundError
        If an id has no response, or a text is missing.

    References
    ----------
    .. [1] SGLang, ``examples/runtime/hidden_states/hidden_states_server.py``,
       ``python/sglang/srt/managers/tokenizer_manager.py`` and ``python/sglang/srt/layers/logits_processor.py``.
    """
    file = a_path("path", path)
    layer = whole_number("depth", depth, low=1)
    rules = PromptRules.of(
        pooling,
        drop_last=drop_last,
        keep_first=keep_first,
        clip=clip,
        n_special=n_special,
        vocabulary=Vocabulary.of(tokenizer, texts),
    )
    prompts: dict[str, Prompt] = {}
    for number, response in enumerate(_responses(file)):
        prompt = _prompt_of(response, f"Response {number} of {str(file)!r}")
        if prompts.setdefault(prompt.name, prompt) is not prompt:
            message = f"{prompt.where} has the id {prompt.name!r} of another one; ids must be different."
            raise InputError(message)
    chosen = chosen_ids(prompts, _as_ids(ids), repr(str(file)))
    return Representations.from_arrays(
        pool_prompts((prompts[name] for name in chosen), rules),
        ids=chosen,
        layers=[layer],
        depth=layer,
        provenance={"imported_from": "SGLang hidden states", "final_norm": True, **rules.provenance},
    )


def _as_ids(ids: Sequence[str] | None) -> tuple[str, ...] | None:
    if ids is None:
        return None
    return tuple(word("each of ids", name) for name in sequence("ids", ids, of="names"))


def _files_of(root: Path, files: Mapping[str, str] | Sequence[str] | None) -> dict[str, Path]:
    """Find the file of each item."""
    if files is None:
        found = sorted(root.glob("*.safetensors"), key=lambda file: natural(file.stem))
        return {file.stem: file for file in found}
    if isinstance(files, Mapping):
        by_id = {word("each id of files", name): root / _safetensors(file) for name, file in files.items()}
        _require_different(by_id)
        return by_id
    names = [_safetensors(name) for name in listing("files", files, of="names")]
    by_stem = {name.stem: root / name for name in names}
    if len(by_stem) < len(names):
        message = (
            f"files names {len(names)} files, of which {len(names) - len(by_stem)} are called as another one."
        )
        raise InputError(message)
    return by_stem


def _require_different(files: Mapping[str, Path]) -> None:
    """Refuse a file that is said to be that of two items: one of them would have the states of the other."""
    whose: dict[Path, str] = {}
    for name, file in files.items():
        other = whose.setdefault(file.resolve(), name)
        if other != name:
            message = f"files says that {str(file)!r} is of {other!r} and of {name!r}; each item has a file of its own."
            raise InputError(message)


def _safetensors(name: object) -> Path:
    path = a_path("each of files", name)
    if path.suffix != ".safetensors":
        message = f"each of files must be a .safetensors file, as vLLM writes them; got {str(path)!r}."
        raise InputError(message)
    return path


def _read_vllm(name: str, file: Path, layers: Sequence[int]) -> Prompt:
    arrays = read_file(file).arrays
    states, token_ids = arrays.get("hidden_states"), arrays.get("token_ids")
    if states is None or states.ndim != 3 or states.shape[1] != len(layers) or 0 in states.shape:
        shape = None if states is None else states.shape
        message = (
            f"{str(file)!r} should hold hidden_states of shape (n_tokens, {len(layers)}, n_features), "
            f"one for each of layers={list(layers)}, but has {shape}."
        )
        raise InputError(message)
    if states.dtype.kind != "f":
        message = f"{str(file)!r} should hold hidden_states of floats, but has {states.dtype}."
        raise InputError(message)
    if token_ids is None or token_ids.dtype.kind not in "iu":
        came = "none" if token_ids is None else f"numbers of {token_ids.dtype}"
        message = f"{str(file)!r} should hold token_ids, whole numbers of shape (n_tokens,), but has {came}."
        raise InputError(message)
    where = repr(str(file))
    return Prompt(name, where, np.moveaxis(as_states(states, where), 1, 0), token_ids.astype(np.int64))


def _responses(file: Path) -> list[Any]:
    way_out = "Expected a .json file of one response or a list of them, or .jsonl with one per line."
    require_file(file, way_out)
    what = f"Cannot read {str(file)!r} as responses of SGLang"
    with guarded(what, way_out):
        text = file.read_bytes().decode("utf-8")
    if file.suffix.lower() == ".jsonl":
        responses = []
        for number, line in enumerate(text.split("\n"), start=1):
            with guarded(f"{what}, at line {number}", "Drop that line, or ask for its response again."):
                responses += [json.loads(line)] if line.strip() else []
    else:
        with guarded(what, way_out):
            content = json.loads(text)
        responses = content if isinstance(content, list) else [content]
    if not responses:
        message = f"{str(file)!r} holds no response. {way_out}"
        raise InputError(message)
    return responses


def _prompt_of(response: Any, where: str) -> Prompt:
    about = response.get("meta_info") if isinstance(response, dict) else None
    if not isinstance(about, dict) or not isinstance(about.get("id"), str) or not about.get("hidden_states"):
        message = (
            f"{where} has no meta_info with an id and hidden_states. Ask for them by return_hidden_states, of a server "
            "that was started with --enable-return-hidden-states."
        )
        raise InputError(message)
    if about.get("cached_tokens", 0) != 0:
        message = (
            f"{where} was answered with {in_short(about['cached_tokens'])} tokens from a cache, whose states it lacks; "
            "those of other requests of its batch may be shifted. Start the server with --disable-radix-cache, and ask "
            "again."
        )
        raise InputError(message)
    with guarded(
        f"{where} has no rows of numbers for hidden states", "Expected one row of features per token."
    ):
        states = as_states(np.asarray(about["hidden_states"][0]), where)
        if states.ndim != 2 or 0 in states.shape:
            message = f"the first of them, of the prompt, has shape {states.shape}"
            raise ValueError(message)
    if len(states) != about.get("prompt_tokens"):
        message = (
            f"{where} has hidden states of {len(states)} tokens for a prompt of {in_short(about.get('prompt_tokens'))}, so "
            "nothing says which state is whose. Start the server with --disable-radix-cache and --chunked-prefill-size -1, "
            "and ask again."
        )
        raise InputError(message)
    return Prompt(about["id"], where, states[None])
