"""What the checksums of a converted model cost when it is opened: processor time with and without them, in turns.

python benchmarks/opening.py
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from platoscope.models import load_model, loading

if TYPE_CHECKING:
    from platoscope.models.locations import ModelLocation

MODEL = "gemma-3-270m"
TIMES = 5


def main() -> None:
    """Open the model in turns, and print the medians."""

    def unchecked(location: ModelLocation, /, *, weights: bool) -> ModelLocation:
        return location

    checked = loading.ready_model
    load_model(MODEL, device="cpu")  # converted, and in the memory of the system
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(TIMES):
        for name, ready in (("with", checked), ("without", unchecked)):
            loading.ready_model = ready
            began = time.process_time()
            load_model(MODEL, device="cpu")
            seconds[name].append(time.process_time() - began)
    for name, spent in seconds.items():
        print(f"{MODEL}, {name} checksums: {statistics.median(spent):.2f} s of processor time")


if __name__ == "__main__":
    main()
