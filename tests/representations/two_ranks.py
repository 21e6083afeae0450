"""What `torchrun` starts twice: every rank reads the same items with the same model into the same store.

Run as ``torchrun --nproc-per-node 2 two_ranks.py MODEL STORE``.
"""

from __future__ import annotations

import sys

import torch.distributed as dist

from platoscope import extract, load_model

POOLINGS = ("last", "mean(3)")


def sentences(n: int) -> list[str]:
    """Write different sentences of different lengths."""
    return [f"sentence {i}{' and more' * (i % 5)}, number {i * i}" for i in range(n)]


def main() -> None:
    """Read, with both ranks past the start at the same moment."""
    dist.init_process_group("gloo")
    model = load_model(sys.argv[1], dtype="float32", device="cpu", batch_tokens=256)
    dist.barrier()
    found = extract(model, sentences(60), pooling=POOLINGS, store=sys.argv[2])
    assert found.n_items == 60
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
