"""Compiled loops over what becomes of ranks when one item is left out."""

from __future__ import annotations

import numpy as np
from numba import njit

from platoscope.neighbors._kernels import keep_smallest, room_for
from platoscope.neighbors._sample_kernels import fill_items

__all__ = ["first_of_rows", "rank_losses"]

# Of the file whose functions are called here: Numba looks at this one only to tell what is stale.
_BUILT_ON = "342640dc436d"


@njit(nogil=True, cache=True, error_model="numpy")
def first_of_rows(kind, block, offset, sq, along, inverse, rows, copies, start, stop, out):
    """Write the nearest items of block rows start:stop, nearest first; of equally near ones the first by index."""
    scores = np.empty(block.shape[1], block.dtype)
    kept = np.empty(out.shape[1], block.dtype)
    room = room_for(scores)
    for r in range(start, stop):
        i = offset + r
        fill_items(kind, block, r, i, sq, along, inverse, rows, copies, scores)
        keep_smallest(scores, room, kept, out[i])


@njit(nogil=True, cache=True, error_model="numpy")
def rank_losses(kind, block, offset, sq, along, inverse, rows, copies, near, start, stop, losses, totals):
    """Add, per source, what the rank sum loses without each item, and the rank sum; in halves of a rank.

    ``near[s, i]`` has the k nearest items of i in source s, and the one that follows when one of them is left out.
    """
    k = near.shape[2] - 1
    scores = np.empty(block.shape[1], block.dtype)
    doubled = np.empty(k + 1, np.int32)
    for r in range(start, stop):
        i = offset + r
        fill_items(kind, block, r, i, sq, along, inverse, rows, copies, scores)
        for s in range(near.shape[0]):
            lost = losses[s]
            for p in range(k):
                value = scores[near[s, i, p]]
                # 1 + closer + half of the others that tie, twice: the item itself counts once as tied.
                both = np.int32(1)
                for other in range(scores.size):
                    above = np.int32(scores[other] < value) + np.int32(scores[other] <= value)
                    both += above
                    lost[other] += above
                doubled[p] = both
                lost[i] += both
                totals[s] += both
            follower = near[s, i, k]
            value = scores[follower]
            both = np.int32(1)
            for other in range(scores.size):
                both += np.int32(scores[other] < value) + np.int32(scores[other] <= value)
            for p in range(k):
                j = near[s, i, p]
                # Without j, the next one is among the k, at a rank that j may have pushed up.
                pushed = np.int32(scores[j] < value) + np.int32(scores[j] <= value)
                lost[j] += doubled[p] - np.int32(1) - (both - pushed)
