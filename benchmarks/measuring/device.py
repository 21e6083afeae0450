"""What a pair and a grid cost on a device, in units of the matrix products that they need there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from measuring.table import Row, in_turn, median, ratio, verdict

if TYPE_CHECKING:
    from argparse import Namespace

    from measuring.table import Sizes

__all__ = ["device"]

# Items of the pair on a GPU, which a host takes a minute for.
_MANY = 20_000


def device(sizes: Sizes, options: Namespace) -> list[Row]:
    """Time a pair and a grid of torch tensors where ``--device`` says, against float32 products there."""
    import torch

    torch.set_num_threads(options.cores)
    on_gpu = options.device != "cpu"
    name = torch.cuda.get_device_name() if on_gpu else "the CPU"
    n, d = (_MANY if on_gpu and not options.quick else sizes.n_samples), sizes.pair_features
    rows = [_pair(n, d, options.device, name, sizes.repeats)]
    if on_gpu:  # on a host the sections pair and grid say it
        rows.append(_grid(sizes, options.device, name))
    return rows


def _pair(n: int, d: int, where: str, name: str, repeats: int) -> Row:
    import torch

    from platoscope import information_imbalance

    generator = torch.Generator(where).manual_seed(0)
    X = torch.randn((n, d), generator=generator, device=where)
    Y = X + 2 * torch.randn((n, d), generator=generator, device=where)

    def products() -> None:
        X @ X.T, Y @ Y.T
        _wait(where)

    times = in_turn({"ours": lambda: information_imbalance(X, Y), "products": products}, repeats)
    found = ratio(times, "ours", "products")
    case = f"torch tensors on {name}, Δ both directions, N = {n}, D = {d}"
    bar = verdict(found <= 1.5, "≤ 1.5") if where != "cpu" else ""
    return Row("device", case, median(times["ours"]), f"two float32 products there: {median(times['products'])}",
               f"{found:.2f} ×", bar)  # fmt: skip


def _grid(sizes: Sizes, where: str, name: str) -> Row:
    import torch

    from platoscope import compare

    n, d, layers = sizes.n_samples, sizes.grid_features, sizes.n_layers
    generator = torch.Generator(where).manual_seed(1)
    shared = torch.randn((n, d), generator=generator, device=where)
    A, B = (
        [shared + 2 * torch.randn((n, d), generator=generator, device=where) for _ in range(layers)]
        for _ in "ab"
    )

    def products() -> None:
        for layer in (*A, *B):
            layer @ layer.T
        _wait(where)

    def ours() -> Any:
        return compare(A, B, n_resamples=0, rng=0)

    times = in_turn({"ours": ours, "products": products}, sizes.repeats)
    found = ratio(times, "ours", "products")
    case = f"torch tensors on {name}, {layers} × {layers} layers: Δ both directions, overlap, both CKA; N = {n}, D = {d}"
    return Row("device", case, median(times["ours"]),
               f"{2 * layers} float32 products there: {median(times['products'])}", f"{found:.2f} ×",
               verdict(found <= 1.5, "≤ 1.5"))  # fmt: skip


def _wait(where: str) -> None:
    import torch

    if where != "cpu":
        torch.cuda.synchronize()
