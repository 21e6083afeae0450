"""Everything that reads files takes hostile ones: a sentence, or what somebody else reads in the same file.

These are a few cases of each reader; ``make fuzz`` tries each for minutes. The readers and who judges them stand in
``benchmarks/attacking``.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st

from platoscope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
EACH = 12
OF_MODELS = 1  # which are loaded for each
UNREADABLE = "model (.gguf)"  # as it is: it holds no tokenizer


@pytest.fixture(scope="module")
def command() -> Iterator[ModuleType]:
    """Import the command and what stands beside it, which no package holds."""
    if not BENCHMARKS.is_dir():
        pytest.skip("the source distribution has no benchmarks")
    for package in ("torch", "pyarrow", "gguf"):
        pytest.importorskip(package)
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("fuzz")
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def readers(command: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Make every reader but those of runs, for which a study would be computed."""
    scratch = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLATOSCOPE_CACHE", str(scratch / "cache"))
        made = {}
        for make in dict.fromkeys(command.READERS.values()):
            names = [name for name, maker in command.READERS.items() if maker is make]
            if not any("run" in name for name in names):
                made |= {reader.name: reader for reader in make(scratch)}
        yield made


@pytest.fixture(scope="module")
def fuzzing(command: ModuleType) -> ModuleType:
    """Import what tries cases and counts them."""
    assert command.READERS
    return importlib.import_module("attacking.fuzzing")


def test_every_reader_is_in_the_table(command: ModuleType) -> None:
    """The page has a row for each, with cases, and none that should not have been."""
    page = BENCHMARKS.with_name("docs") / "reliability.md"
    rows = {
        name: [int(number.replace(",", "")) for number in numbers]
        for name, _, _, *numbers in (
            line.strip("| ").split(" | ") for line in command.shown(page, "fuzz").splitlines()[2:]
        )
    }
    assert list(rows) == list(command.READERS)
    for name, (cases, unharmed, noticed, *wrong) in rows.items():
        assert cases == unharmed + noticed > 0, name
        assert not any(wrong), name


def test_no_reader_is_surprised(command: ModuleType, fuzzing: ModuleType, readers: dict[str, Any]) -> None:
    """Whole files are read, and of what is done to them nothing is a traceback or read as something else."""
    assert readers.keys() == {name for name in command.READERS if "run" not in name}
    faults = []
    for name, reader in readers.items():
        for file in reader.files[:1] if name != UNREADABLE else ():
            whole = fuzzing.Case(file, file.read_bytes())
            assert fuzzing.outcome_of(reader, whole) == ("unharmed", ""), f"{name}: {file.name}"
        tally = fuzzing.Tally()
        fuzzing.fuzz(reader, tally, cases=OF_MODELS if name in command.MODELS else EACH)
        assert tally.counts.total() > 0, name
        faults += [f"{name}: {fault.what}: {fault.case}" for fault in tally.faults.values()]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("fault", "found"),
    [("traceback", "ZeroDivisionError"), ("silent", "something else"), ("lax", "although")],
)
def test_a_fault_is_found_and_made_small(fuzzing: ModuleType, tmp_path: Path, fault: str, found: str) -> None:
    """A reader that fails at a number above 99, that reads it as another, or that reads what cannot be read."""
    file = tmp_path / "number.json"
    file.write_bytes(b"7")

    def read() -> int:
        text = file.read_text(encoding="utf-8")
        if fault == "lax" and not text.isdecimal():
            return 0
        try:
            number = int(text)
        except ValueError as error:
            raise InputError(str(error)) from error
        if fault == "traceback":
            return number if number < 100 else number // 0
        return number % 100

    contents = st.one_of(st.integers(0, 10**6).map(lambda number: str(number).encode()), st.just(b"x"))
    reader = importlib.import_module("attacking.readers").Reader(
        name="number",
        files=[file],
        cases=contents.map(lambda content: fuzzing.Case(file, content)),
        read=read,
        judge=lambda case: json.loads(case.content) % (10**9 if fault == "silent" else 100),
        held_against="json",
    )
    tally = fuzzing.Tally(tmp_path / "tally")
    fuzzing.fuzz(reader, tally, cases=400)
    (what,) = tally.faults.values()
    assert found in what.what
    assert what.case.content == (b"x" if fault == "lax" else b"100")
    assert fuzzing.Tally.read(tmp_path / "tally") == tally.counts
    assert file.read_bytes() == b"7"
