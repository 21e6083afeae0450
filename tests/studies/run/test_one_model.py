"""However many studies one command runs, one model is in memory at a time, and only where states are read."""

from __future__ import annotations

import json
import weakref
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from platoscope.cli import run as command
from platoscope.progress import SILENT
from platoscope.studies import Comparison, Design, Items, Source, Study, make_plan, share
from platoscope.studies.run.workbench import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from platoscope.studies import Plan

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")

WORDS = ("stone", "river", "night", "house", "child", "bread", "light", "water", "voice", "field", "king")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with two tiny models and three data sets."""
    pytest.importorskip("torch")
    from platoscope.testing.models import save_tiny_model

    root = tmp_path_factory.mktemp("one-model")
    save_tiny_model("llama", root / "large", n_features=32)
    save_tiny_model("gpt2", root / "small", n_features=16)
    for data in range(3):
        rows = [
            {
                "id": str(i),
                "en": f"{i} {WORDS[i % 11]} {WORDS[(i + data) % 7]}",
                "it": f"{WORDS[data]} {i} {WORDS[i % 5]}{i}",
            }
            for i in range(48)
        ]
        (root / f"{data}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note, for each load of weights, how many models are in memory after it."""
    import transformers

    read = transformers.AutoModel.from_pretrained
    models: list[weakref.ref[Any]] = []
    counts: list[int] = []

    def note(*arguments: Any, **options: Any) -> Any:
        found = read(*arguments, **options)
        models.append(weakref.ref(found[0] if isinstance(found, tuple) else found))
        counts.append(sum(model() is not None for model in models))
        return found

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", note)
    return counts


@pytest.fixture
def plans(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Give three plans over a data set each, all of them with both models, before anything is remembered."""
    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    models = [str(workplace / name) for name in ("large", "small")]

    def plan(data: str) -> Plan:
        comparisons = tuple(
            Comparison(
                label=f"{model} {data}",
                a=Source(model=model, side="a", pooling="mean"),
                b=Source(model=model, side="b", pooling="mean"),
                items=Items(data=data, minimum=4, maximum=100),
            )
            for model in models
        )
        study = Study(name=f"study {data}", question="?", design=lambda _: Design(comparisons=comparisons))
        return make_plan(study, n=40, n_resamples=0, n_permutations=2)

    return [plan(str(workplace / f"{number}.jsonl")) for number in range(3)]


def test_one_model_is_in_memory_at_a_time(
    plans: list[Plan], loaded: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several studies in one command load each model once, and let go of it before the next."""
    monkeypatch.setattr("platoscope.report.write_report", lambda _result, _folder: None)
    told = {"preset": "bundled", "limits": (None, None), "settings": {}, "store": str(tmp_path / "store")}
    request = command._Request(**dict.fromkeys(field.name for field in fields(command._Request)) | told)
    jobs = [(plan, tmp_path / str(i)) for i, plan in enumerate(share(plans))]
    done = command._execute_all(jobs, request, verbose=False)
    assert not done.failures
    assert len(done.finished) == 3
    assert loaded == [1, 1]


def test_choosing_items_loads_no_weights(plans: list[Plan], loaded: list[int]) -> None:
    """Tokens are counted with the tokenizer alone."""
    for plan in plans:
        selection, *_ = Workbench(plan, SILENT, None).select().chosen.values()
        counted = selection.lengths[plan.extractions[0].model]["a"]
        assert counted.tolist() == [len(text) for text in selection.pairs.a.items]
    assert loaded == []
