"""What a run says about the machine."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import numpy as np

from platoscope.studies.machine import describe_machine


def test_machine_is_plain_and_counts_the_memory_in_bytes() -> None:
    """The description goes through JSON unchanged, and the peak covers an array that was filled."""
    filled = np.ones(8_000_000)
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert machine["peak_memory_bytes"] > filled.nbytes
    assert 1 <= machine["cores"] <= (os.cpu_count() or 1)
    assert datetime.fromisoformat(machine["finished"]) <= datetime.now(UTC)
