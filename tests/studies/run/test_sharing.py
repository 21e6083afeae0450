"""Several studies at once: what they need is joined where it is one pass, and only there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platoscope.errors import InputError, StorageError
from platoscope.studies import (
    Comparison,
    Design,
    Items,
    Passes,
    Source,
    Study,
    execute,
    extract_all,
    load_run,
    make_plan,
    share,
)

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.studies import Plan

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")

SMALL = {"n": 48, "n_resamples": 2, "n_permutations": 2}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a tiny model and two data sets of one English side, under names of any script."""
    pytest.importorskip("torch")
    from platoscope.testing.models import save_tiny_model

    root = tmp_path_factory.mktemp("geteilt 日本")
    save_tiny_model("llama", root / "Modell é", n_features=16, n_blocks=2)
    for language in ("it", "es"):
        rows = [{"id": str(i), "en": f"text {i}", "other": f"{language} {i * 7}"} for i in range(52)]
        (root / f"{language}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture(autouse=True)
def _own_cache(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(workplace / "cache"))


def _comparison(root: Path, pooling: str, language: str = "it") -> Comparison:
    source = Source(model=str(root / "Modell é"), pooling=pooling, drop_last=0)
    items = Items(data=f"{root}/{language}.jsonl:en,other", minimum=2, maximum=None)
    return Comparison(label=f"{pooling} {language}", a=source, b=replace(source, side="b"), items=items)


def _plan(root: Path, name: str, *comparisons: tuple[str, str], **more: int) -> Plan:
    design = Design(comparisons=tuple(_comparison(root, *told) for told in comparisons))
    return make_plan(Study(name=name, question="?", design=lambda _: design), **{**SMALL, **more})


def test_plans_keep_all_but_their_poolings(workplace: Path) -> None:
    """Sharing changes what extractions keep, and nothing else of a plan."""
    plans = (_plan(workplace, "one", ("last", "it")), _plan(workplace, "two", ("mean(3)", "it")))
    shared = share(plans)
    for before, after in zip(plans, shared, strict=True):
        assert replace(after, extractions=before.extractions) == before
        assert {item.poolings for item in after.extractions} == {("last", "mean(3)")}
        assert [item.identity for item in after.extractions] == [item.identity for item in before.extractions]


def test_sharing_twice_or_alone_changes_nothing(workplace: Path) -> None:
    """One plan is what it was, and plans that are shared already stay so."""
    plan = _plan(workplace, "one", ("last", "it"), ("mean(3)", "es"))
    assert share([plan]) == (plan,)
    assert share([]) == ()
    both = share([plan, _plan(workplace, "two", ("concat(4)", "it"))])
    assert share(both) == both


def test_a_row_of_kept_tokens_contains_the_last(workplace: Path) -> None:
    """What another study keeps anyway is not kept twice: ``last`` is in ``concat(4)``."""
    plans = share([_plan(workplace, "one", ("last", "it")), _plan(workplace, "two", ("concat(4)", "it"))])
    assert {item.poolings for plan in plans for item in plan.extractions} == {("concat(4)",)}


@pytest.mark.parametrize("other", [{"seed": 1}, {"n": 49}])
def test_other_items_are_another_pass(workplace: Path, other: dict[str, int]) -> None:
    """Another sample is other texts, whose poolings nobody else asked for."""
    plans = share(
        [_plan(workplace, "one", ("last", "it")), _plan(workplace, "two", ("mean(3)", "it"), **other)]
    )
    kept = [{item.poolings for item in plan.extractions} for plan in plans]
    assert kept == [{("last",)}, {("mean(3)",)}]


def test_a_common_side_is_one_pass(workplace: Path, tmp_path: Path) -> None:
    """Two data sets with the same English sentences are three passes, whatever they are called."""
    plans = share([_plan(workplace, language, ("last", language)) for language in ("it", "es")])
    assert extract_all(plans, store=tmp_path) == Passes(asked=4, different=3, read=3)
    assert extract_all(plans, store=tmp_path) == Passes(asked=4, different=3, read=0)


def test_no_plan_is_no_pass(tmp_path: Path) -> None:
    """Nothing asked, nothing read, and nothing made on disk."""
    assert extract_all([], store=tmp_path / "store") == Passes(asked=0, different=0, read=0)
    assert not (tmp_path / "store").exists()


def test_shared_and_alone_give_the_same_numbers(workplace: Path, tmp_path: Path) -> None:
    """A study whose poolings were read together with those of another has the results that it has alone."""
    plans = [_plan(workplace, "one", ("last", "it")), _plan(workplace, "two", ("mean(3)", "it"))]
    alone = execute(plans[0], out=tmp_path / "alone", store=tmp_path / "first")
    shared = share(plans)
    extract_all(shared, store=tmp_path / "second")
    together = execute(shared[0], out=tmp_path / "together", store=tmp_path / "second")
    for label, dataset in alone.results.items():
        assert dataset.drop_attrs().identical(together.results[label].drop_attrs())
    assert load_run(tmp_path / "together").results.keys() == alone.results.keys()


def test_a_study_without_enough_items_fails_before_anything_is_read(workplace: Path, tmp_path: Path) -> None:
    """Items of all studies are chosen first; without the one that has too few, the others are read."""
    good, bad = _plan(workplace, "good", ("last", "it")), _plan(workplace, "bad", ("last", "es"), n=400)
    with pytest.raises(InputError, match="400 pairs are needed"):
        extract_all(share([good, bad]), store=tmp_path / "store")
    assert extract_all([good], store=tmp_path / "store").read == 2


def test_a_store_that_cannot_be_written_is_an_error(workplace: Path, tmp_path: Path) -> None:
    """A file in the place of the store is named before anything is called read."""
    (tmp_path / "store").write_text("")
    with pytest.raises(StorageError, match="store"):
        extract_all([_plan(workplace, "one", ("last", "it"))], store=tmp_path / "store")
