"""Choices for the devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from platoscope.errors import InputError
from platoscope.models import devices

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flags\t\t: fpu sse avx512f avx512_bf16", True),
        ("flags\t\t: fpu amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16", True),
        ("flags\t\t: fpu sse avx512f avx512_vnni", False),
        ("model name\t: bf16", False),
    ],
)
def test_bfloat16_is_chosen_by_the_flags_of_the_processor(
    line: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AMX, AVX-512 BF16 and ARM's BF16 multiply bfloat16; anything else does not."""
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\n")
    assert devices.cpu_multiplies_bfloat16(cpuinfo) is expected
    monkeypatch.setattr(devices, "cpu_multiplies_bfloat16", lambda: expected)
    assert devices.choose_dtype("auto", CPU) is (torch.bfloat16 if expected else torch.float32)


def test_no_flags_means_no_bfloat16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not tell, float32 is chosen."""
    assert devices.cpu_multiplies_bfloat16(tmp_path / "missing") is False
    monkeypatch.setattr(devices.platform, "system", lambda: "Darwin")
    assert devices.cpu_multiplies_bfloat16() is False


def test_a_named_dtype_and_device_are_taken() -> None:
    """What the user asks for is what is used."""
    assert devices.choose_dtype("float16", CPU) is torch.float16
    assert devices.choose_device("cpu") == CPU


def test_unknown_names_are_errors() -> None:
    """A device that torch does not know, or that is not there, and an unknown precision say what to use."""
    with pytest.raises(InputError, match="device='gpu' cannot be used here"):
        devices.choose_device("gpu")
    with pytest.raises(InputError, match="device='cuda:99' cannot be used here"):
        devices.choose_device("cuda:99")
    with pytest.raises(InputError, match="dtype='int8' is not known"):
        devices.choose_dtype("int8", CPU)


@pytest.mark.gpu
def test_cuda_is_chosen_where_it_is() -> None:
    """A CUDA device comes before the CPU."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    assert devices.choose_device("auto").type == "cuda"
