"""What tests do on workers: the module is sent there, and is called ``on_workers`` here and there."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any


def fail(error: Exception) -> None:
    """Raise an error."""
    raise error


def fail_beside(_shared: bytes, error: Exception) -> None:
    """Raise an error, given what tasks share."""
    raise error


def warn() -> str:
    """Warn, and work."""
    from platoscope.errors import PlatoscopeWarning

    warnings.warn("one of 7 layers is constant.", PlatoscopeWarning, stacklevel=1)
    return "done"


def cores() -> tuple[int, int]:
    """Give how many cores this worker may use, and how many torch does."""
    import torch

    from platoscope.cores import available_cores

    return available_cores(), torch.get_num_threads()


class NamesThread:
    """What is the name of the thread that unpacks it, once it was sent."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return thread_name, ()


def thread_name() -> str:
    """Give the name of this thread."""
    return threading.current_thread().name


def beside_another(name: str) -> tuple[str, NamesThread]:
    """Give what came, beside one that is sent back."""
    return name, NamesThread()


def count_loads() -> None:
    """Count from here on how often this worker loads the weights of a model."""
    from platoscope.models import on_demand

    load = on_demand.open_model

    def counted(name: str, loading: Any, *, weights: bool, outline: Any) -> Any:
        _loads[-1] += weights and not (outline is not None and outline.pretrained.has_weights)
        return load(name, loading, weights=weights, outline=outline)

    _loads.append(0)
    _loaders.append(load)
    on_demand.open_model = counted  # type: ignore[assignment]


def loads() -> int:
    """Give that number, and count no more."""
    from platoscope.models import on_demand

    on_demand.open_model = _loaders.pop()
    return _loads.pop()


_loads: list[int] = []
_loaders: list[Any] = []


async def declare_gpus(amount: int, dask_worker: Any) -> None:
    """Declare that this worker has GPUs, as ``--resources GPU=1`` does."""
    await dask_worker.set_resources(GPU=amount)


def watch(log: str, *, die_at: int | None = None, fill_at: int | None = None, wait: float = 0.0) -> None:
    """Write down each unit that is written and each comparison, or part of one, that is computed; die or wait before.

    Parameters
    ----------
    log : str
        The file that gets a line for each: what it is, and when its file was written.
    die_at : int, optional
        How many are done before this process is killed.
    fill_at : int, optional
        How many are done before this process takes memory until it is ended for that.
    wait : float
        Seconds before each.
    """
    from platoscope.representations._units import StoredArray
    from platoscope.studies.run import computing, splitting

    write, compute, compute_part = StoredArray.write_unit, computing.compute, splitting.compute_part
    done = itertools.count()

    def begin() -> None:
        n = next(done)
        if n == die_at:
            die()
        if n == fill_at:
            fill_memory()
        time.sleep(wait)

    def note(line: str) -> None:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def written(array: Any, unit: int, block: Any) -> None:
        begin()
        write(array, unit, block)
        name = f"{array.folder.location}/{array.path}/{array.file_name(unit)}"
        there = time.time_ns() if "://" in name else Path(name).stat().st_mtime_ns
        note(f"unit\t{name}\t{there}")

    def computed(what: Any) -> Any:
        begin()
        result = compute(what)
        note(f"comparison\t{what.comparison.label}\t{time.time_ns()}")
        return result

    def computed_part(what: Any, wanted: int, place: int) -> Any:
        begin()
        result = compute_part(what, wanted, place)
        note(f"part\t{what.comparison.label} {place}\t{os.getpid()}")
        return result

    StoredArray.write_unit, computing.compute, splitting.compute_part = written, computed, computed_part
    _before.append((write, compute, compute_part))


_before: list[Any] = []


def unwatch() -> None:
    """Let this worker work as it did."""
    from platoscope.representations._units import StoredArray
    from platoscope.studies.run import computing, splitting

    if _before:
        StoredArray.write_unit, computing.compute, splitting.compute_part = _before[0]
        _before.clear()


def die() -> None:
    """End this process as one ends that took too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill_memory() -> None:
    """Take memory until this process is ended for it."""
    taken = []
    while True:
        taken.append(bytearray(b"1") * (16 << 20))
        time.sleep(0.02)


def fill_disk(free: int) -> None:
    """Let no more than so many files of a store be written: to this process the disk is full then."""
    from platoscope.representations._local import LocalFolder

    write, done = LocalFolder.write, itertools.count()

    def refused(folder: Any, path: str, pieces: Any) -> None:
        if next(done) >= free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        write(folder, path, pieces)

    LocalFolder.write = refused
    _writes.append(write)


def free_disk() -> None:
    """Let this worker write again."""
    from platoscope.representations._local import LocalFolder

    if _writes:
        LocalFolder.write = _writes[0]
        _writes.clear()


_writes: list[Any] = []


def die_in(process: int) -> int:
    """End that process, and give the number of any other."""
    if os.getpid() == process:
        die()
    return os.getpid()


def length_and(shared: bytes, own: int) -> tuple[int, int]:
    """Give the length of what tasks share, and what is of this one."""
    return len(shared), own


def give_up_at_once(dask_scheduler: Any) -> None:
    """Let the scheduler try no task again on another worker."""
    dask_scheduler.allowed_failures = 0
