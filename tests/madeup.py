"""Made-up labelled results of the shape that comparisons return, for tests of figures and pages."""

from __future__ import annotations

import numpy as np
import xarray as xr

DIRECTIONS = ["a_to_b", "b_to_a"]


def profile(
    *, n_layers: int = 19, depth: float = 0.35, shift: float = 0.0, pooling: str = "mean(20)", seed: int = 0
) -> xr.Dataset:
    """Make a profile with a minimum in the middle and A the more informative in the second half."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, n_layers)
    base = 0.85 - depth - (0.85 - 2 * depth) * np.exp(-(((x - 0.55) / 0.22) ** 2)) + shift
    gap = 0.12 / (1 + np.exp(-(x - 0.7) / 0.06))
    values = np.stack([base - gap / 2, base + gap / 2])
    data = _with_intervals("information_imbalance", values, rng)
    data |= _with_intervals("asymmetry", values[0] - values[1], rng)
    data["information_imbalance_null"] = (("direction", "layer"), 1 + rng.normal(0, 0.01, values.shape))
    data["information_imbalance_null_sd"] = (("direction", "layer"), np.full(values.shape, 0.02))
    similar = 1 - base
    for name, level in (("neighborhood_overlap", 0.5), ("cka_debiased", 0.7), ("cka_biased", 0.9)):
        data |= _with_intervals(name, level * similar + 0.1 * (level > 0.8), rng)
    for k, factor in ((1, 0.75), (5, 1.0)):
        data |= _with_intervals(f"retrieval_at_{k}", factor * (1 - values), rng)
    coords = {
        "direction": DIRECTIONS,
        "layer": np.arange(n_layers),
        "layer_a": ("layer", np.arange(n_layers)),
        "layer_b": ("layer", np.arange(n_layers)),
        "relative_depth_a": ("layer", x),
        "relative_depth_b": ("layer", x),
    }
    attrs = {
        "name_a": "en",
        "name_b": "it",
        "pooling": pooling,
        "n_samples": 1000,
        "neighborhood_overlap_chance": 0.01,
        "resample_fraction": 0.25,
        "seed": "0",
        "subsamples": "made up",
    }
    return xr.Dataset(data, coords=coords, attrs=attrs)


def spaces() -> xr.Dataset:
    """Make a profile in two spaces, the first of which hides half of what is shared."""
    both = [profile(shift=shift).drop_vars("information_imbalance_null") for shift in (0.2, 0.0)]
    return xr.concat(both, xr.Variable("space", ["none", "zscore + unit"]), data_vars="all", coords="minimal")


def grid(*, n_a: int = 19, n_b: int = 25) -> xr.Dataset:
    """Make a layer × layer grid with its minimum off the diagonal."""
    a, b = np.linspace(0, 1, n_a)[:, None], np.linspace(0, 1, n_b)[None, :]
    base = 0.9 - 0.55 * np.exp(-(((a - 0.55) / 0.25) ** 2) - ((b - 0.65) / 0.3) ** 2) - 0.1 * (a == b)
    values = np.stack([base, base + 0.1 * a * b])
    return xr.Dataset(
        {
            "information_imbalance": (("direction", "layer_a", "layer_b"), values),
            "cka_debiased": (("layer_a", "layer_b"), 1 - base),
        },
        coords={"direction": DIRECTIONS, "layer_a": np.arange(n_a), "layer_b": np.arange(n_b)},
        attrs={"name_a": "en", "name_b": "it"},
    )


def tokens(*, n_layers: int = 19) -> xr.Dataset:
    """Δ between the last token and earlier ones, filling in with depth."""
    tau = np.arange(1, 21)
    x = np.linspace(0, 1, n_layers)[:, None]
    base = 1 - (0.2 + 0.6 * np.sin(np.pi * x)) * np.exp(-tau[None, :] / (2 + 15 * x))
    return xr.Dataset(
        {"information_imbalance": (("direction", "layer", "token_distance"), np.stack([base, base**1.3]))},
        coords={"direction": DIRECTIONS, "layer": np.arange(n_layers), "token_distance": tau},
    )


def matrix(names: tuple[str, ...] = ("en", "it", "русский")) -> xr.Dataset:
    """Give a matrix of texts, Δ = 0.1, 0.2, … row by row; the second text takes twice the tokens of the first."""
    delta = np.arange(1, 10, dtype=float).reshape(3, 3) / 10
    gap = delta - delta.T
    return xr.Dataset(
        {
            "information_imbalance": (("direction", "text_a", "text_b"), np.stack([delta, delta.T])),
            "asymmetry": (("text_a", "text_b"), gap),
            "asymmetry_low": (("text_a", "text_b"), gap - 0.05),
            "asymmetry_high": (("text_a", "text_b"), gap + 0.05),
        },
        {
            "direction": ["a_to_b", "b_to_a"],
            "text_a": list(names),
            "text_b": list(names),
            "tokens": ("text_a", [10.0, 20.0, 15.0]),
        },
    )


def synthetic(coordinate: str) -> xr.Dataset:
    """Measures against the rank of a map or the fraction of observed features."""
    rng = np.random.default_rng(1)
    x = np.array([1, 2, 5, 10, 20, 50, 100]) if coordinate == "rank" else np.linspace(0.05, 1, 12)
    t = np.linspace(0, 1, len(x))
    data = {}
    for name, values in (
        ("information_imbalance", np.stack([0.5 - 0.45 * t, 0.95 - 0.85 * t])),
        ("neighborhood_overlap", 0.05 + 0.9 * t**2),
        ("cka_debiased", 0.1 + 0.9 * t),
        ("cka_biased", 0.7 + 0.3 * t),
    ):
        data |= _with_intervals(name, values, rng, dimension="layer")
    coords = {"direction": DIRECTIONS, "layer": np.arange(len(x)), coordinate: ("layer", x)}
    return xr.Dataset(data, coords=coords, attrs={"name_a": "x", "name_b": "y"})


def gains(*, n_layers: int = 6) -> xr.Dataset:
    """Give what layers add, most in the middle, with the level of shuffled ones."""
    x = np.linspace(0, 1, n_layers)
    gain = 0.3 * np.sin(np.pi * x)
    return xr.Dataset(
        {
            "gain": ("layer", gain),
            "gain_low": ("layer", gain - 0.02),
            "gain_high": ("layer", gain + 0.02),
            "gain_threshold": ("layer", np.full(n_layers, 0.05)),
            "gain_p_adjusted": ("layer", np.where(gain > 0.05, 0.01, 0.6)),
        },
        {"layer": np.arange(n_layers), "relative_depth": ("layer", x)},
    )


def scales(*, n_layers: int = 6) -> xr.Dataset:
    """Give Δ among all items, inside groups and across them."""
    x = np.linspace(0, 1, n_layers)
    base = 1 - 0.7 * np.sin(np.pi * x)
    parts = {"information_imbalance": 1.0, "within": 1.2, "between": 0.9, "within_shuffled": 1.3}
    return xr.Dataset(
        {
            name: (("direction", "layer"), np.stack([factor * base, factor * base**1.2]))
            for name, factor in parts.items()
        },
        {"direction": DIRECTIONS, "layer": np.arange(n_layers), "relative_depth": ("layer", x)},
    )


def weights(*, n_layers: int = 6, seed: int = 0) -> xr.Dataset:
    """Give weights of layers over two folds, most in the middle, and what they give on held-out items."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, n_layers)
    share = rng.dirichlet(5 * np.sin(np.pi * x) + 0.5, size=2)
    data = _with_intervals("information_imbalance", np.array([0.4, 0.45, 0.3]), rng, dimension="candidate")
    data |= _with_intervals("greedy", np.array([0.4, 0.34, 0.33]), rng, dimension="size")
    order = np.argsort(-share, axis=1)
    return xr.Dataset(
        {
            **data,
            "share": (("fold", "layer"), share),
            "best_layer": ("fold", order[:, 0]),
            "greedy_layer": (("fold", "size"), order[:, :3]),
        },
        {
            "layer": np.arange(n_layers),
            "relative_depth": ("layer", x),
            "candidate": ["best_single", "equal", "weighted"],
            "size": [1, 2, 3],
        },
        {"n_samples": 1000, "resample_fraction": 0.25},
    )


def dimensions(*, n_layers: int = 9) -> xr.Dataset:
    """Give Δ with its minimum late and dimensions with their peak early; the first layer of B has equal items."""
    rng = np.random.default_rng(2)
    result = profile(n_layers=n_layers).drop_vars("information_imbalance_null")
    x = result["relative_depth_a"].values
    peak = 10 + 15 * np.exp(-(((x - 0.3) / 0.2) ** 2))
    over = ("side", "n_neighbors", "layer")
    values = np.stack([np.stack([peak / (1 + 0.1 * i + 0.2 * side) for i in range(3)]) for side in range(2)])
    data = {}
    for name, dims, found in (("gride", over, values), ("twonn", ("side", "layer"), values[:, 0] * 1.1)):
        drawn = found + rng.normal(0, 0.5, (40, *found.shape))
        data |= {
            name: (dims, found),
            f"{name}_low": (dims, found - 1.0),
            f"{name}_high": (dims, found + 1.0),
            f"{name}_resamples": (("resample", *dims), drawn),
        }
    distinct = np.full((2, n_layers), 1000)
    distinct[1, 0] = 200
    data |= {"n_distinct": (("side", "layer"), distinct), "comparable": (("side", "layer"), distinct >= 900)}
    return (
        result.assign(data)
        .assign_coords(side=["a", "b"], n_neighbors=[1, 4, 16])
        .assign_attrs(main_n_neighbors=4, seed="0")
    )


def n_curve() -> xr.Dataset:
    """Measures against the number of pairs."""
    n = np.array([100, 200, 400, 800, 1600])
    return xr.Dataset(
        {
            "information_imbalance": (("direction", "n_samples"), np.stack([0.3 + 5 / n, 0.35 + 5 / n])),
            "neighborhood_overlap": (("n_samples",), 10 / n**0.6),
        },
        coords={"direction": DIRECTIONS, "n_samples": n},
        attrs={"name_a": "en", "name_b": "it"},
    )


def _with_intervals(
    name: str, values: np.ndarray, rng: np.random.Generator, *, dimension: str = "layer"
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Make a variable with its resamples and an interval around it."""
    dims = ("direction", dimension) if values.ndim == 2 else (dimension,)
    resamples = values + rng.normal(0, 0.03, (40, *values.shape))
    half = 1.96 * resamples.std(0, ddof=1) * np.sqrt(1 / 3)
    return {
        name: (dims, values),
        f"{name}_low": (dims, values - half),
        f"{name}_high": (dims, values + half),
        f"{name}_resamples": (("resample", *dims), resamples),
    }
