"""Δ over training: checkpoints of one model beside a reference, and the difference between two of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from platoscope.arguments import labeled
from platoscope.checks import in_short, number, word
from platoscope.errors import InputError, NotFoundError
from platoscope.layerwise._compare import profile
from platoscope.layerwise._difference import two_sided
from platoscope.layerwise._evaluating import check_names
from platoscope.layerwise._joining import join_results
from platoscope.layerwise._simultaneous import FEWEST_RESAMPLES
from platoscope.measures import Z95, ComparisonOptions, changed, standard_errors
from platoscope.seeds import fresh_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from platoscope.measures import Measure
    from platoscope.progress import Tell

__all__ = ["step_difference", "steps_of", "trajectory"]


def trajectory(
    checkpoints: Mapping[Any, Any],
    reference: Any = None,
    /,
    *,
    match: Literal["index", "relative_depth"] = "relative_depth",
    options: ComparisonOptions | None = None,
    measures: str | Measure | Sequence[str | Measure] = ("information_imbalance",),
    n_resamples: int | None = None,
    n_permutations: int | None = None,
    strata: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    rng: int | None = None,
    progress: Tell | bool | None = None,
) -> xr.Dataset:
    """Compare checkpoints of one model with a reference, layer by layer, on the same subsamples at every step.

    Parameters
    ----------
    checkpoints : mapping of step to stack of layers
        What `platoscope.extract` returns of each checkpoint, or arrays, over the same items; at least two, by numbers.
    reference : stack of layers, mapping of step to stack, or None
        What every checkpoint is compared with: another model, say; for each step its own, as one language beside
        another (a mapping with the same steps); or the last checkpoint, which is None, and which at the last step is
        compared with itself.
    match, options, n_permutations, strata, progress
        As in `platoscope.profile`.
    measures : str, Measure or sequence of them
        Δ with its asymmetry by default.
    n_resamples : int, optional
        As in `platoscope.profile`.
    names : (str, str), optional
        What checkpoints and reference are called; "checkpoint" and "last checkpoint" or "reference" by default.
    rng : int or None
        Seed of subsamples and permutations, which are the same at every step: differences between steps are paired.

    Returns
    -------
    xarray.Dataset
        What `platoscope.profile` returns, with the dimension ``step`` in front, in increasing order.

    Raises
    ------
    InputError
        Fewer than two checkpoints, steps that are no numbers, a mapping of other steps, checkpoints of different layers;
        otherwise as `platoscope.profile`.

    Warns
    -----
    PlatoscopeWarning
        What `platoscope.profile` warns of, once, with the number of steps.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> end = rng.standard_normal((2, 100, 6))
    >>> steps = {step: end + noise * rng.standard_normal(end.shape) for step, noise in ((0, 3.0), (1000, 0.3))}
    >>> found = trajectory({**steps, 2000: end}, n_resamples=0, rng=0)
    >>> found.information_imbalance.sel(direction="a_to_b", layer=1).round(1).values.tolist()
    [1.0, 0.1, 0.0]
    """
    steps = steps_of(checkpoints)
    partner, called = _partners(checkpoints, reference, steps)
    sides = called if names is None else check_names(names)
    seed = fresh_seed() if rng is None else rng
    chosen = changed(
        ComparisonOptions() if options is None else options,
        {"measures": measures, "n_resamples": n_resamples, "n_permutations": n_permutations},
    )
    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in steps:
            found.append(
                profile(
                    checkpoints[step], partner[step], match=match, options=chosen, strata=strata, names=sides, rng=seed,
                    progress=progress,
                )
            )  # fmt: skip
    _warn_once(caught)
    layers = found[0]["layer"].values.tolist()
    for step, result in zip(steps, found, strict=True):
        if result["layer"].values.tolist() != layers:
            message = (
                f"checkpoints must have the same layers; step {steps[0]} has {len(layers)}, and step {step} has "
                f"{result.sizes['layer']}."
            )
            raise InputError(message)
    return join_results(found, "step", steps)


def step_difference(
    result: xr.Dataset, first: float, second: float, /, *, quantity: str = "information_imbalance"
) -> xr.Dataset:
    """Test a difference between two steps of a trajectory, paired on the subsamples that both have.

    Parameters
    ----------
    result : xarray.Dataset
        From `trajectory` with 10 resamples or more.
    first, second : number
        Two of its steps.
    quantity : str
        A measure, or ``"asymmetry"``.

    Returns
    -------
    xarray.Dataset
        Over the layers (and directions): ``difference``, the second step minus the first, its standard error
        ``difference_se``, its 95 % interval ``difference_low`` and ``difference_high``, and ``difference_p``, two-sided
        from the normal distribution, of each layer by itself. ``simultaneous_bands(…, quantity="difference")`` holds for
        all layers at once.

    Raises
    ------
    NotFoundError
        The result has no such step.
    InputError
        It is no trajectory, or has no resamples of the quantity, or fewer than 10.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> end = rng.standard_normal((2, 200, 6))
    >>> steps = {step: end + noise * rng.standard_normal(end.shape) for step, noise in ((0, 3.0), (1000, 0.3))}
    >>> found = step_difference(trajectory(steps, end, rng=0), 0, 1000)
    >>> bool((found.difference < 0).all()), bool((found.difference_p < 0.001).all())
    (True, True)
    """
    labeled("result", result)
    name = f"{word('quantity', quantity)}_resamples"
    if "step" not in result.dims or name not in result:
        message = (
            f"A difference of steps needs {name} over the dimension step, as platoscope.layerwise.trajectory gives with "
            f"n_resamples > 0; got dimensions {tuple(map(str, result.sizes))}."
        )
        raise InputError(message)
    if result.sizes["resample"] < FEWEST_RESAMPLES:
        message = (
            f"A difference needs at least {FEWEST_RESAMPLES} subsamples; the result has {result.sizes['resample']}. "
            "Compute the trajectory with a larger n_resamples."
        )
        raise InputError(message)
    for called, step in (("first", first), ("second", second)):
        if number(called, step) not in result["step"].values:
            message = f"there is no step {step!r}; there are {', '.join(map(str, result['step'].values))}."
            raise NotFoundError(message)
    draws = result[name].sel(step=second) - result[name].sel(step=first)
    value = result[quantity].sel(step=second) - result[quantity].sel(step=first)
    n_samples = int(result.attrs["n_samples"])
    size = round(float(result.attrs["resample_fraction"]) * n_samples)
    errors = standard_errors(draws.transpose("resample", ...).values, n_samples=n_samples, size=size)
    se = value.copy(data=errors)
    kept = {name: result.attrs[name] for name in ("n_samples", "resample_fraction", "name_a", "name_b")}
    return (
        value.to_dataset(name="difference")
        .assign(
            difference_se=se,
            difference_low=value - Z95 * se,
            difference_high=value + Z95 * se,
            difference_p=value.copy(data=two_sided(value.values, errors)),
            difference_resamples=draws,
        )
        .assign_attrs(kept | {"quantity": quantity, "first": first, "second": second})
    )


def steps_of(checkpoints: Any, /) -> list[Any]:
    """Return the steps of at least two checkpoints, in increasing order."""
    if not isinstance(checkpoints, Mapping) or len(checkpoints) < 2:
        message = (
            "checkpoints must be a dict of at least two, by step, as {0: first, 1000: second}; got "
            f"{in_short(checkpoints) if not isinstance(checkpoints, Mapping) else f'{len(checkpoints)} of them'}."
        )
        raise InputError(message)
    for step in checkpoints:
        number("each step", step)
    return sorted(checkpoints)


def _partners(
    checkpoints: Any, reference: Any, steps: list[Any], /
) -> tuple[dict[Any, Any], tuple[str, str]]:
    """Return what each step is compared with, and what both sides are called."""
    if reference is None:
        return dict.fromkeys(steps, checkpoints[steps[-1]]), ("checkpoint", "last checkpoint")
    if not isinstance(reference, Mapping):
        return dict.fromkeys(steps, reference), ("checkpoint", "reference")
    if sorted(reference) != steps:
        message = f"a reference for each step must have the steps {steps}; got {in_short(sorted(reference))}."
        raise InputError(message)
    return dict(reference), ("checkpoint", "reference")


def _warn_once(caught: Sequence[warnings.WarningMessage], /) -> None:
    """Warn of each kind of thing once, with how often it came."""
    kinds: dict[tuple[type[Warning], str], list[str]] = {}
    for warning in caught:
        text = str(warning.message)
        kinds.setdefault((warning.category, text[:30]), []).append(text)
    for (category, _), texts in kinds.items():
        more = f" And alike in {len(texts) - 1} other steps." if len(texts) > 1 else ""
        warnings.warn(f"{texts[0]}{more}", category, stacklevel=3)
