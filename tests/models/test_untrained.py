"""Untrained models: random weights of a seed, in a trained model's architecture, never taken for the trained one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from platoscope import extract
from platoscope.errors import InputError, NotFoundError
from platoscope.models import ModelOnDemand, Pooling, describe_model, load_model, name_of, untrained_name
from platoscope.models.locations import beside, locate_model
from platoscope.models.pretrained import load_pretrained
from platoscope.representations._group import group_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CPU = {"device": "cpu", "dtype": "float32"}


def _states(name: str, texts: list[str]) -> np.ndarray:
    return load_model(name, **_CPU).encode(texts, [Pooling.parse("mean")])["mean"]


def _weights(name: str, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    loaded = load_pretrained(
        locate_model(name), dtype=dtype, device=torch.device("cpu"), device_map=None, tower=None
    )
    return loaded.model.state_dict()


def _digest(weights: dict[str, torch.Tensor]) -> str:
    total = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        total.update(name.encode() + tensor.float().numpy().tobytes())
    return total.hexdigest()


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "bert", "dinov2"])
def test_a_seed_gives_the_same_bytes_and_another_seed_others(
    tiny: Callable[..., str], architecture: str
) -> None:
    """Weights of a seed are the same each time, whatever random numbers were drawn before, and differ between seeds."""
    folder = tiny(architecture)
    torch.manual_seed(5)
    first = _digest(_weights(untrained_name(folder, 0)))
    torch.manual_seed(6)
    assert _digest(_weights(untrained_name(folder, 0))) == first
    others = {_digest(_weights(untrained_name(folder, 1))), _digest(_weights(folder))}
    assert len({first, *others}) == 3


def test_weights_are_those_of_the_library(tiny: Callable[..., str]) -> None:
    """They equal those that transformers' AutoModel.from_config draws after torch.manual_seed of the same seed."""
    from transformers import AutoConfig, AutoModel

    folder = tiny("llama")
    ours = _weights(untrained_name(folder, 7))
    torch.manual_seed(7)
    theirs = AutoModel.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_lower_precision_rounds_the_same_weights(tiny: Callable[..., str]) -> None:
    """In bfloat16 the weights are those of float32, rounded."""
    name = untrained_name(tiny("llama"), 0)
    full, half = _weights(name), _weights(name, torch.bfloat16)
    assert all(torch.equal(full[key].to(torch.bfloat16), half[key]) for key in full)


def test_weights_are_drawn_on_the_cpu_whatever_the_default_device(tiny: Callable[..., str]) -> None:
    """Where torch makes new tensors elsewhere (`torch.set_default_device`), the weights of a seed are the same."""
    name = untrained_name(tiny("llama"), 0)
    expected = _digest(_weights(name))
    with torch.device("meta"):
        found = _weights(name)
    assert _digest(found) == expected


def test_nobody_elses_random_numbers_change(tiny: Callable[..., str]) -> None:
    """Drawing weights leaves the random numbers of torch, NumPy and Python where they were."""
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    _weights(untrained_name(tiny("llama"), 0))
    assert torch.equal(torch.rand(4), expected)


def test_states_are_never_taken_for_the_trained_ones(
    tiny: Callable[..., str], texts: list[str], tmp_path: Path
) -> None:
    """In one store the trained model and two seeds have keys of their own, and what was kept is found again."""
    folder = tiny("llama")
    names = [folder, untrained_name(folder, 0), untrained_name(folder, 1)]
    models = [ModelOnDemand(name, _CPU) for name in names]
    kept = [extract(model, texts, pooling="mean", store=tmp_path) for model in models]
    assert len({group_key("x" * 64, model.provenance, None) for model in models}) == 3
    for name, states in zip(names, kept, strict=True):
        for layer in states.layers:
            np.testing.assert_allclose(
                states[layer], _states(name, texts)[layer], rtol=0, atol=2e-5, err_msg=name
            )
    assert len({hashlib.sha256(states[3].tobytes()).hexdigest() for states in kept}) == 3


def test_provenance_tells_the_seed_and_what_the_weights_depend_on(tiny: Callable[..., str]) -> None:
    """An untrained model says its seed and the libraries that drew it; a trained one says nothing of the kind."""
    folder = tiny("llama")
    said = ModelOnDemand(untrained_name(folder, 2), _CPU).provenance["untrained"]
    assert said["seed"] == 2
    assert said["torch"] == torch.__version__
    assert "untrained" not in ModelOnDemand(folder, _CPU).provenance


def test_it_counts_tokens_like_the_trained_model(tiny: Callable[..., str], texts: list[str]) -> None:
    """The tokenizer is that of the trained model, so the same items are within limits."""
    folder = tiny("llama")
    counted = [ModelOnDemand(name, _CPU).lengths(texts) for name in (folder, untrained_name(folder, 0))]
    np.testing.assert_array_equal(*counted)


@pytest.mark.parametrize(
    "name",
    ["untrained:x", "untrained():x", "untrained(-1):x", "untrained(a):x", "untrained(0)", "untrained(0):",
     "untrained(1.5):x", "untrained(00):x", "untrained(\u0663):x", "untrained(99999999999):x",
     "untrained(0):untrained(1):x"],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """What begins like the name of an untrained model and is none says what one looks like."""
    with pytest.raises(InputError, match=r"untrained\(SEED\):NAME"):
        load_model(name)


def test_what_has_no_configuration_is_refused(tiny: Callable[..., str], tmp_path: Path) -> None:
    """A folder or path without a model is named as for a trained one, and an untrained model is not spread."""
    with pytest.raises(NotFoundError, match="There is no model at"):
        load_model("untrained(0):/no/such/folder")
    with pytest.raises(NotFoundError, match=r"holds no config\.json"):
        load_model(f"untrained(0):{tmp_path}")
    location = locate_model(untrained_name(tiny("llama"), 0))
    with pytest.raises(InputError, match="without device_map"):
        load_pretrained(
            location, dtype=torch.float32, device=torch.device("cpu"), device_map="auto", tower=None
        )


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True, 2**40])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    """A seed is a whole number from 0."""
    with pytest.raises(InputError, match="seed"):
        untrained_name("x", seed)


def test_names_and_paths_are_those_of_the_trained_model(tiny: Callable[..., str], tmp_path: Path) -> None:
    """A path is taken from the same folder, sizes are the same, and short names tell the seeds apart."""
    assert beside("untrained(3):./tiny", tmp_path) == f"untrained(3):{tmp_path}/./tiny"
    folder = tiny("llama")
    trained, drawn = describe_model(folder), describe_model(untrained_name(folder, 0))
    assert (trained.n_parameters, trained.n_layers) == (drawn.n_parameters, drawn.n_layers)
    assert name_of("untrained(1):a/x", ("a/x", "b/x")) == "a/x untrained(1)"
