"""How a model is loaded, as one record that is checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from platoscope.errors import InputError, require_package
from platoscope.models.pooling import check_clip

__all__ = ["LoadingOptions", "ModuleOptions"]


@dataclass(frozen=True)
class ModuleOptions:
    """What `platoscope.models.load_model` takes for a `torch.nn.Module` alone."""

    layers: tuple[str, ...] | None = None
    feature_axis: int | None = None

    def refuse(self, what: str, /) -> None:
        """Raise `InputError` where one of them is given for something else, which is called `what`."""
        given = next((name for name, value in vars(self).items() if value is not None), None)
        if given is not None:
            msg = f"{given} is for a torch.nn.Module; {what} has layers by number, which extract takes."
            raise InputError(msg)


@dataclass(frozen=True)
class LoadingOptions:
    """The keyword arguments of `platoscope.models.load_model`, which says what each means.

    Raises
    ------
    InputError
        If one of them cannot be.
    MissingExtraError
        If a model is to be spread over devices, and accelerate is not installed.
    """

    dtype: str = "auto"
    device: str = "auto"
    device_map: Literal["auto"] | None = None
    drop_last: int = 2
    keep_first: bool = False
    clip: float | None = None
    final_norm: bool | None = None
    tower: Literal["text", "vision"] | None = None
    revision: str | None = None
    padding_side: Literal["right", "left"] = "right"
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.drop_last < 0:
            msg = f"drop_last must be 0 or more, but got {self.drop_last}."
            raise InputError(msg)
        check_clip(self.clip)
        if self.padding_side not in ("right", "left"):
            msg = f"padding_side must be 'right' or 'left', but got {self.padding_side!r}."
            raise InputError(msg)
        if self.tower not in (None, "text", "vision"):
            msg = f"tower must be 'text' or 'vision', but got {self.tower!r}."
            raise InputError(msg)
        if self.batch_tokens is not None and self.batch_tokens < 1:
            msg = f"batch_tokens must be 1 or more, but got {self.batch_tokens}."
            raise InputError(msg)
        self._check_device_map()

    @property
    def forward(self) -> LoadingOptions:
        """The same but for which states are taken of a pass: equal ones run the same model on the same batches."""
        return replace(self, drop_last=0, keep_first=False, clip=None, final_norm=None)

    def _check_device_map(self) -> None:
        device_map: str | None = self.device_map
        if device_map is None:
            return
        if device_map != "auto":
            msg = f"device_map must be 'auto' or None, but got {device_map!r}."
            raise InputError(msg)
        if self.device != "auto":
            msg = (
                f"device_map='auto' places the model by itself, but device={self.device!r} was given too. "
                "Leave one out."
            )
            raise InputError(msg)
        require_package(
            "accelerate", "Spreading a model over several devices", "pip install 'platoscope[models]'"
        )
