"""What a run says about the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from platoscope.studies.run.machine import describe_machine


def test_machine_is_plain_and_counts_the_memory_in_bytes() -> None:
    """The description goes through JSON unchanged, and the peak covers an array that was filled."""
    filled = np.ones(8_000_000)
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert machine["peak_memory_bytes"] > filled.nbytes
    assert 1 <= machine["cores"] <= (os.cpu_count() or 1)
    assert datetime.fromisoformat(machine["finished"]) <= datetime.now(UTC)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell only what children may inherit")
def test_the_peak_of_a_larger_parent_is_not_counted() -> None:
    """A small process that a large one starts has a peak of its own."""
    filled = np.ones(40_000_000)
    code = "from platoscope.studies.run.machine import describe_machine; print(describe_machine()['peak_memory_bytes'])"
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(out) < filled.nbytes
