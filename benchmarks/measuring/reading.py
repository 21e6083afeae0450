"""What a worker of this machine (Linux) reads of rows that lie in files, and the memory that it takes for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from platoscope.neighbors import _streams

_taken = {"bytes": 0, "before": 0}


def count_reading() -> None:
    """Have this process count the bytes of rows that it reads, and remember the memory that it has taken so far."""
    read, take = _streams._read_rows, _streams.RowStream.take

    def counted(sources: Any, steps: Any, name: str, start: int, stop: int) -> Any:
        _taken["bytes"] += sum(source[start:stop].nbytes for source in sources)
        return read(sources, steps, name, start, stop)

    def counted_take(stream: Any, items: Any) -> Any:
        _taken["bytes"] += sum(len(items) * source[:1].nbytes for source in stream.sources)
        return take(stream, items)

    _streams._read_rows, _streams.RowStream.take = counted, counted_take
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the most so far is what there is now
    _taken["before"] = _most_memory()


def taken() -> tuple[int, int]:
    """Return the bytes that were read since, and by how many the memory grew that this process had at most."""
    return _taken["bytes"], _most_memory() - _taken["before"]


def _most_memory() -> int:
    rows = map(str.split, Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return 1024 * next(int(row[1]) for row in rows if row[0] == "VmHWM:")
