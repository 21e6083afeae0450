"""Two representations at a time: in order, never together with what goes alone, errors as one by one."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope import compare, prepare
from platoscope.neighbors import _side_by_side, _threads, map_spaces, map_two, prepares_alone

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "available_cores", lambda: 2)


def _blas_threads() -> list[int]:
    """Return the threads of the libraries that NumPy multiplies with; SciPy, where it is loaded, has its own."""
    return [each["num_threads"] for each in _threads._blas().info() if each["user_api"] == "blas"]


def test_two_are_worked_on_at_a_time_and_come_in_order() -> None:
    """Each waits for its neighbor, which would never come if there were one at a time."""
    meet = threading.Barrier(2, timeout=20)
    here = threading.get_ident()
    called: list[int] = []

    def work(item: int) -> tuple[int, int]:
        meet.wait()
        return item, threading.get_ident()

    def done() -> None:
        called.append(threading.get_ident())

    found = map_two(work, range(8), alone=lambda _: False, done=done)
    assert [item for item, _ in found] == list(range(8))
    assert here not in {thread for _, thread in found}
    assert called == [here] * 8


def test_what_goes_alone_is_worked_on_by_the_caller_while_nothing_else_is() -> None:
    running: Counter[int] = Counter()
    seen: dict[int, tuple[int, bool]] = {}
    lock = threading.Lock()

    def work(item: int) -> None:
        with lock:
            running[item] += 1
        time.sleep(0.01)
        with lock:
            seen[item] = len(+running), threading.current_thread() is threading.main_thread()
            running[item] -= 1

    map_two(work, range(9), alone=lambda item: item % 3 == 2)
    assert [seen[item] for item in (2, 5, 8)] == [(1, True)] * 3
    assert not any(seen[item][1] for item in (0, 1, 3, 4, 6, 7))


def test_items_are_taken_no_further_than_they_are_worked_on() -> None:
    """At most one more is taken than two, so that what they are read from need not hold all of them."""
    ended: list[int] = []

    def items() -> Iterator[int]:
        for item in range(10):
            assert item - len(ended) <= 3
            yield item

    def work(item: int) -> None:
        time.sleep(0.005)
        ended.append(item)

    map_two(work, items(), alone=lambda _: False)
    assert sorted(ended) == list(range(10))


def test_the_first_error_is_raised_whoever_fails_first() -> None:
    def items() -> Iterator[int]:
        yield from (0, 1)
        message = "the third cannot be read"
        raise OSError(message)

    def work(item: int) -> int:
        time.sleep(0.05 if item == 0 else 0)
        message = f"item {item}"
        raise ValueError(message)

    with pytest.raises(ValueError, match="item 0"):
        map_two(work, items(), alone=lambda _: False)
    with pytest.raises(OSError, match="the third"):
        map_two(lambda item: item, items(), alone=lambda _: False)


def test_inside_of_one_of_two_it_goes_on_one_by_one() -> None:
    def inner(item: int) -> int:
        return threading.get_ident()

    def outer(item: int) -> set[int]:
        return {threading.get_ident(), *map_two(inner, range(4), alone=lambda _: False)}

    assert all(len(threads) == 1 for threads in map_two(outer, range(4), alone=lambda _: False))


def test_a_space_that_is_there_twice_is_asked_once() -> None:
    rng = np.random.default_rng(0)
    first, second = (prepare(rng.standard_normal((20, 3))) for _ in range(2))
    asked: list[Any] = []
    renamed = replace(first, name="another name")
    found = map_spaces(
        lambda space: asked.append(space.name) or len(asked),  # type: ignore[func-returns-value]
        [renamed, second, first],
        alone=lambda _: True,
    )
    assert len(asked) == 2
    assert found == [1, 2, 1]


def test_blas_has_one_thread_until_the_last_has_ended_and_then_its_own_again() -> None:
    """Also where the one that held it first ends first, in another thread."""
    before = _blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with _threads.one_blas_thread():
            entered.set()
            leave.wait(20)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(20)
    with _threads.one_blas_thread():
        leave.set()
        thread.join()
        assert set(_blas_threads()) == {1}
    assert _blas_threads() == before


def test_functions_of_others_are_never_called_by_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither readers of rows nor distances: they need not bear it."""
    monkeypatch.setattr(_side_by_side, "_FEW", 0)
    rng = np.random.default_rng(1)
    # Whole numbers, so that there are near-ties, for which rows are read again.
    arrays = [rng.integers(1, 6, (300, 4)).astype(np.float32) for _ in range(6)]
    inside = 0
    most = 0
    calls: Counter[str] = Counter()

    def enter(what: str) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        calls[what] += 1
        time.sleep(0.002)
        inside -= 1

    def reader(rows: np.ndarray) -> Any:
        def read() -> np.ndarray:
            enter("read")
            return rows

        return read

    def distance(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
        enter("distance")
        return np.abs(P[:, None] - Q[None]).sum(axis=-1)

    spaces = [prepare(reader(rows)) for rows in arrays]
    by_readers = compare(spaces[:3], spaces[3:], n_resamples=0, rng=0)
    measured = compare(
        arrays[:3], arrays[3:], metric=distance, measures=("information_imbalance",), n_resamples=0, rng=0
    )
    assert most == 1
    assert calls["read"] > 6
    assert calls["distance"] >= 6
    plain = compare(arrays[:3], arrays[3:], n_resamples=0, rng=0)
    assert np.array_equal(plain.information_imbalance, by_readers.information_imbalance)
    assert measured.information_imbalance.shape == plain.information_imbalance.shape


def test_two_at_a_time_are_what_they_are_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, of every measure, with subsamples and permutations."""
    monkeypatch.setattr(_side_by_side, "_FEW", 0)
    rng = np.random.default_rng(2)
    A = rng.standard_normal((4, 200, 30)).astype(np.float32)
    B = A + rng.standard_normal(A.shape).astype(np.float32)
    B[1, 5] = B[1, 9]
    together = compare(A, B, n_resamples=4, n_permutations=5, rng=0)
    monkeypatch.setattr(_side_by_side, "splits", lambda: False)
    assert together.identical(compare(A, B, n_resamples=4, n_permutations=5, rng=0))


def test_what_is_under_way_is_given_up_at_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever presses Ctrl-C does not wait until two large layers are ready."""
    began, steps = threading.Event(), 0

    def kernel(start: int, stop: int) -> None:
        nonlocal steps
        steps += 1
        began.set()
        time.sleep(0.01)

    def work(item: int) -> None:
        for _ in range(2_000):
            _threads.over_rows(kernel, 2, minimum=1)

    def items() -> Iterator[int]:
        yield 0
        began.wait(20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_two(work, items(), alone=lambda _: False)
    assert steps < 1_000
    assert not [thread for thread in threading.enumerate() if "platoscope-two" in thread.name]
    map_two(lambda _: _threads.over_rows(lambda *_: None, 2, minimum=1), range(3), alone=lambda _: False)


def test_what_goes_alone_has_all_threads_of_blas() -> None:
    """A distance of others may multiply matrices itself."""
    with _threads._blas().limit(limits=2, user_api="blas"):
        before = _blas_threads()
        found = map_two(lambda _: _blas_threads(), range(4), alone=lambda item: item % 2 == 1)
        assert found[1::2] == [before] * 2
        assert {n for threads in found[::2] for n in threads} == {1}


def test_what_numpy_does_about_overflow_is_as_where_it_was_called() -> None:
    with np.errstate(over="raise"):
        found = map_two(lambda _: np.geterr()["over"], range(3), alone=lambda _: False)
    assert found == ["raise"] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_gives_blas_its_threads_again() -> None:
    """One that is forked while another thread holds BLAS."""
    before = _blas_threads()
    with _threads.one_blas_thread():
        child = os.fork()
        if child == 0:
            with _threads.one_blas_thread():
                held = set(_blas_threads())
            os._exit(0 if held == {1} and _blas_threads() == before else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _blas_threads() == before


def test_what_is_prepared_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Others(np.ndarray):
        """Runs code of its own."""

    X = np.zeros((500, 2_000), np.float32)
    monkeypatch.setattr(_side_by_side, "available_memory", lambda: 80 << 20)
    assert not prepares_alone(X, "euclidean")
    assert prepares_alone(X.view(Others), "euclidean")
    assert prepares_alone(X, "euclidean", ("zscore", "whiten"))
    # Whole numbers are small as they are given, and float64 when they are prepared.
    assert prepares_alone(X.astype(np.int8), "euclidean")
