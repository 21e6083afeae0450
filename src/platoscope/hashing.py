"""The digest of a plain value: what keys of stored things, runs and remembered facts are made of."""

from __future__ import annotations

import hashlib
import json

__all__ = ["digest"]


def digest(value: object, /) -> str:
    """Give the SHA-256 of a plain value, in hexadecimal; equal values have equal digests.

    Examples
    --------
    >>> digest({"a": 1, "b": (2, 3)}) == digest({"b": [2, 3], "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
