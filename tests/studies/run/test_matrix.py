"""Every two of several texts at one layer, from data sets that share their first side."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from platoscope.errors import InputError
from platoscope.studies import (
    Comparison,
    Design,
    Items,
    Source,
    Study,
    execute,
    get_study,
    load_run,
    make_plan,
)
from platoscope.studies.design.comparison import Fixed
from platoscope.studies.plan import availability

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning")

LANGUAGES = ("it", "es", "日本")


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    """Give a matrix of one text in four languages, of a tiny model at its second layer."""
    pytest.importorskip("torch")
    from platoscope.testing.models import save_tiny_model

    monkeypatch.setenv("PLATOSCOPE_CACHE", str(tmp_path / "cache"))
    save_tiny_model("llama", tmp_path / "tiny", n_features=16, n_blocks=2)
    data = []
    for language in LANGUAGES:
        # Each lacks another sentence, so that only those that all have can be compared.
        rows = [
            {"id": str(i), "en": f"text number {i}", language: f"{language} {i * 7} {'x' * (i % 5)}"}
            for i in range(54)
            if i != len(data)
        ]
        path = tmp_path / f"{language}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        data.append(f"{path}:en,{language}")
    source = Source(model=str(tmp_path / "tiny"), pooling="mean(3)", drop_last=0)
    return Comparison(
        label="all",
        a=source,
        b=replace(source, side="b"),
        items=Items(data=data[0], minimum=3, maximum=None, together=tuple(data)),
        kind="matrix",
        fixed=Fixed(side="a", layer=1),
    )


def test_cells_are_the_measure_between_the_two_texts(matrix: Comparison, tmp_path: Path) -> None:
    """A matrix equals one call for each pair of texts, in names, numbers and tokens, and is read once per text."""
    study = Study(name="mine", question="?", design=lambda _: Design(comparisons=(matrix,)))
    plan = make_plan(study, n=50, n_resamples=4, n_permutations=2, settings={"overlap_neighbors": 3})
    assert plan.n_passes == 4
    result = execute(plan, out=tmp_path / "run", store=tmp_path / "store")
    found = result.results["all"]
    assert found.text_a.values.tolist() == ["en", *LANGUAGES]
    assert found.attrs["layer"] == 1
    assert (found.tokens > found.tokens[0] / 3).all()
    # One by one, through profiles of two languages each.
    profiles = tuple(
        replace(member, kind="profile", fixed=None, label=str(i)) for i, member in enumerate(matrix.members())
    )
    single = replace(study, design=lambda _: Design(comparisons=profiles))
    apart = execute(
        make_plan(single, n=50, n_resamples=4, n_permutations=2, settings={"overlap_neighbors": 3}),
        out=tmp_path / "apart",
        store=tmp_path / "store",
    )
    for i, language in enumerate(LANGUAGES):
        profile = apart.results[str(i)].sel(layer=1)
        for direction, cell in (("a_to_b", ("en", language)), ("b_to_a", (language, "en"))):
            value = found.information_imbalance.sel(direction="a_to_b", text_a=cell[0], text_b=cell[1])
            assert value == profile.information_imbalance.sel(direction=direction)
        np.testing.assert_array_equal(
            found.asymmetry_resamples.sel(text_a="en", text_b=language), profile.asymmetry_resamples
        )
    # Itself is predicted perfectly.
    alike = found.information_imbalance.sel(direction="a_to_b")
    np.testing.assert_allclose(np.diag(alike), 2 / 50)
    assert load_run(tmp_path / "run").results["all"].identical(found)


def test_other_texts_and_spaces_compute_a_matrix_anew(matrix: Comparison, tmp_path: Path) -> None:
    """A matrix depends on all its texts, not on the first data set alone, and on its own space."""
    assert matrix.items is not None
    study = Study(name="mine", question="?", design=lambda _: Design(comparisons=(matrix,)))
    options = {"n": 50, "n_resamples": 0, "n_permutations": 0, "settings": {"overlap_neighbors": 3}}
    first = execute(make_plan(study, **options), out=tmp_path / "run", store=tmp_path / "store").results[
        "all"
    ]
    changed = tmp_path / "日本.jsonl"
    changed.write_text(changed.read_text(encoding="utf-8").replace("x", "yy"), encoding="utf-8")
    again = execute(make_plan(study, **options), out=tmp_path / "run", store=tmp_path / "store").results[
        "all"
    ]
    assert not first.identical(again)
    raw = Study(
        name="raw", question="?", design=lambda _: Design(comparisons=(replace(matrix, transform="none"),))
    )
    found = execute(make_plan(raw, **options), out=tmp_path / "raw", store=tmp_path / "store").results["all"]
    assert (found.attrs["transform"], again.attrs["transform"]) == ("none", "unit")
    kept = {"text_a": ["en", "it"], "text_b": ["en", "it"]}
    assert first.information_imbalance.sel(kept).equals(again.information_imbalance.sel(kept))


def test_a_matrix_needs_texts_and_a_layer(matrix: Comparison) -> None:
    """What it cannot be is refused where it is written down."""
    assert matrix.items is not None
    with pytest.raises(InputError, match="needs items that name in `together`"):
        replace(matrix, items=replace(matrix.items, together=()))
    with pytest.raises(InputError, match="needs `fixed`"):
        replace(matrix, fixed=None)
    with pytest.raises(InputError, match="cannot be shuffled"):
        replace(matrix, shuffle="free")


def test_languages_that_are_not_installed_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study goes on with the languages that are there, and says how to get the others."""
    monkeypatch.setattr(availability, "_model_problem", lambda _: None)
    monkeypatch.setattr(availability, "_missing_modules", lambda _: [])
    monkeypatch.setattr(
        availability,
        "_data_problem",
        lambda data: ("It is missing.", f"get {data}") if data.endswith(("-ja", "-ru")) else None,
    )
    plan = make_plan(get_study("many-languages"), skip_missing=True)
    assert len([item for item in plan.comparisons if item.kind == "profile"]) == 8
    assert {left.remedy for left in plan.left_out} == {"get libreoffice:en-ru", "get libreoffice:en-ja"}
    (whole,) = [item for item in plan.comparisons if item.kind == "matrix"]
    assert whole.items is not None
    assert len(whole.items.together) == 8
