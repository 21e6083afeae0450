"""Which items a comparison looks at: limits under every tokenizer, the same sample for everyone, honest counts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platoscope.datasets import Pairs, Side
from platoscope.errors import InputError, NotFoundError, PlatoscopeWarning, StorageError
from platoscope.studies import Comparison, Items, Source, Synthetic, get_study, make_plan
from platoscope.studies.run import items as module
from platoscope.studies.run.items import Candidates, Selections, count_steps, select_items

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

N = 50


class Counter:
    """An encoder that can only count: words, or characters where its name says so."""

    def __init__(self, name: str = "words", modality: str = "text") -> None:
        self.name = name
        self.modality = modality
        self.counted: list[str] = []

    def lengths(self, items: Sequence[str], /) -> np.ndarray:
        """Count, and remember what was asked."""
        self.counted += items
        return np.array([len(item) if self.name == "letters" else len(item.split()) for item in items])


def _text(i: int, n_words: int) -> str:
    return " ".join([f"item{i}"] * n_words)


def _pairs(name: str, words: Sequence[tuple[int, int]], ids: Sequence[str] | None = None) -> Pairs:
    """Make pairs whose sides have given numbers of words."""
    rows = list(enumerate(words))
    return Pairs(
        name,
        Side("en", "text", [_text(i, a) for i, (a, _) in rows]),
        Side("it", "text", [_text(i, b) + " it" for i, (_, b) in rows]),
        ids=tuple(ids or [str(i) for i, _ in rows]),
    )


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let `load_pairs` know given pairs by name; gives the list of what was loaded."""

    def know(*known: Pairs) -> list[str]:
        by_name = {pairs.name: pairs for pairs in known}
        loaded: list[str] = []

        def load(name: str, *, encoding: str | None = None) -> Pairs:
            loaded.append(name)
            return by_name[name]

        monkeypatch.setattr(module, "load_pairs", load)
        return loaded

    return know


def _select(*wanted: Items, encoder: Counter | None = None, **more: Any) -> Selections:
    told = {"n": None, "seed": 0, "shortfall": "error", "on_done": lambda _: None, **more}
    counter = encoder or Counter()
    return select_items(wanted, encoder_of=lambda _: counter, **told)  # type: ignore[arg-type]


def _items(name: str = "x", **more: Any) -> Items:
    return Items(data=name, **{"tokenizers": ("words",), "minimum": 3, "maximum": 6, **more})


def test_limits_hold_for_both_sides_and_their_ends_belong_to_them(data: Callable[..., object]) -> None:
    """Texts of 3 to 6 words are kept, on both sides; the counts say what each side lost."""
    words = [(3, 5), (6, 4), (2, 4), (7, 4), (4, 1), (4, 6)] + [(4, 4)] * 40
    data(_pairs("x", words))
    chosen = _select(_items()).of(_items())
    # The other side has one word more, its language.
    assert [i for i in range(6) if str(i) in chosen.pairs.ids] == [0, 1]
    assert len(chosen.pairs) == 42
    kept = [count.kept for count in chosen.pairs.counts]
    assert kept == sorted(kept, reverse=True)
    assert kept[-1] == 42


def test_near_duplicates_go_after_the_limits_and_are_counted(data: Callable[..., object]) -> None:
    """Of two texts within the limits that are almost the same the first stays, and lengths follow."""
    pairs = _pairs("x", [(4, 4)] * 60)
    texts = list(pairs.a)
    texts[50] = texts[7].upper()
    data(replace(pairs, a=replace(pairs.a, items=texts)))
    asked = _items(near_duplicates=0.99)
    chosen = _select(asked).of(asked)
    assert "50" not in chosen.pairs.ids
    assert len(chosen.pairs) == len(chosen.lengths["words"]["a"]) == 59
    count = chosen.pairs.counts[-1]
    assert (count.step, count.dropped) == ("near-duplicates", 1)
    assert chosen.provenance["near_duplicates"]["threshold"] == 0.99
    assert len(_select(_items()).of(_items()).pairs) == 60


def test_what_is_alike_has_like_lengths_on_both_sides(data: Callable[..., object]) -> None:
    """Groups are made of the tokens of either side, within strata where the comparison says so."""
    words = [(3 + i % 4, 3 + (i // 4) % 3) for i in range(240)]
    pairs = _pairs("x", words)
    data(replace(pairs, strata=[f"book {i // 120}" for i in range(240)]))
    chosen = _select(_items()).of(_items())
    source = Source(model="words")
    comparison = Comparison(label="x", a=source, b=replace(source, side="b"), items=_items())
    assert chosen.alike(comparison) is None
    alike = chosen.alike(replace(comparison, null_matched="tokens"))
    assert alike is not None
    first, second = (chosen.lengths["words"][side] for side in ("a", "b"))
    assert len(set(alike)) == len(set(zip(alike, first, second, strict=True))) == 12
    books = chosen.alike(replace(comparison, null_matched="tokens", null_within_strata=True))
    assert books is not None
    assert len(set(books)) == len(set(zip(books, chosen.pairs.strata or (), strict=True))) == 24
    per_character = chosen.alike(replace(comparison, null_matched="tokens_per_character"))
    assert per_character is not None
    assert 12 <= len(set(per_character)) <= 49


def test_texts_that_nobody_counted_are_not_alike(data: Callable[..., object]) -> None:
    """The message says what makes them counted; a comparison that cannot mean anything is refused at once."""
    data(_pairs("x", [(4, 4)] * 60))
    items = _items(tokenizers=(), minimum=None, maximum=None)
    source = Source(model="words")
    comparison = Comparison(label="x", a=source, b=source, items=items, null_matched="tokens")
    with pytest.raises(InputError, match="give its items limits of length"):
        _select(items).of(items).alike(comparison)
    for wrong in ({"null_matched": "words"}, {"shuffle": "matched", "null_matched": None}):
        with pytest.raises(InputError, match="must be 'tokens' or 'tokens_per_character'"):
            replace(comparison, **wrong)


@pytest.mark.parametrize("share", [0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    """A study file is refused where it is read."""
    with pytest.raises(InputError, match="near_duplicates of 'x' must be above 0 and at most 1"):
        _items(near_duplicates=share)


@given(
    words=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), min_size=60, max_size=90),
    seed=st.integers(0, 9),
)
def test_lengths_stay_beside_their_texts(words: list[tuple[int, int]], seed: int) -> None:
    """However items are filtered and drawn, the kept lengths are those of the kept texts, in their order."""
    pairs = _pairs("x", [*words, *[(4, 4)] * N])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_pairs", lambda _, encoding: pairs)
        chosen = _select(_items(), n=40, seed=seed).of(_items())
    assert len(chosen.pairs) == 40
    for side in ("a", "b"):
        texts: Side = getattr(chosen.pairs, side)
        np.testing.assert_array_equal(chosen.lengths["words"][side], [len(text.split()) for text in texts])
        assert all(3 <= len(text.split()) <= 6 for text in texts)


def test_equal_requests_draw_equal_items(data: Callable[..., object]) -> None:
    """The seed decides the sample, and another seed draws another."""
    data(_pairs("x", [(4, 4)] * 200))
    ids = [_select(_items(), n=N, seed=seed).of(_items()).pairs.ids for seed in (3, 3, 4)]
    assert ids[0] == ids[1] != ids[2]


def test_every_tokenizer_has_a_say(data: Callable[..., object]) -> None:
    """Two tokenizers keep what both of them find within the limits, each with its own lengths."""
    texts = [*(f"a b {i:03d} c" for i in range(N)), "x" * 30 + " y z", "a b"]
    data(Pairs("x", Side("en", "text", texts), Side("it", "text", [f"{text} d" for text in texts])))
    wanted = _items(tokenizers=("letters", "words"), minimum=3, maximum=20)
    counters = {name: Counter(name) for name in wanted.tokenizers}
    done: list[Items] = []
    selections = select_items(
        [wanted],
        n=None,
        seed=0,
        shortfall="error",
        encoder_of=lambda name: counters[name],
        on_done=done.append,
    )
    chosen = selections.of(wanted)
    # One text is too long in letters, one too short in words.
    assert list(chosen.pairs.a) == texts[:N]
    assert chosen.lengths["letters"]["a"].tolist() == [9] * N
    assert chosen.lengths["words"]["b"].tolist() == [5] * N
    assert len(done) == count_steps([wanted]) == 2


def test_a_text_is_counted_once_and_none_behind_one_that_is_out(data: Callable[..., object]) -> None:
    """Languages share their English side: it is counted once; partners of dropped texts are never counted."""
    words = [(4, 4)] * N + [(9, 4)] * 5
    first, second = _pairs("x", words), _pairs("y", words)
    data(first, replace(second, b=Side("es", "text", [f"{text} es" for text in second.a])))
    counter = Counter()
    _select(_items("x"), _items("y"), encoder=counter)
    assert len(counter.counted) == len(set(counter.counted))
    assert not [text for text in counter.counted if text.startswith(_text(N, 4)) and text.endswith("it")]


def test_texts_of_any_script_are_counted_as_they_are(data: Callable[..., object]) -> None:
    """Composed and decomposed letters, emoji and signs without a script are different texts, each with its length."""
    odd = ["é a b c", "e\u0301 a b c", "🦉🦉 a b c", "\u202eabc a b c", "日本 a b c", "\x00 a b c"]
    texts = [*odd, *(f"t{i} a b c" for i in range(N))]
    data(Pairs("x", Side("en", "text", texts), Side("it", "text", [f"{text} d" for text in texts])))
    counter = Counter()
    chosen = _select(_items(), encoder=counter).of(_items())
    assert list(chosen.pairs.a[: len(odd)]) == odd
    assert set(odd) <= set(counter.counted)


def test_images_have_no_length(data: Callable[..., object]) -> None:
    """Only texts are counted; a model that reads images counts nothing."""
    images = [bytes([i]) for i in range(N)]
    data(Pairs("x", Side("image", "image", images), Side("en", "text", [f"t{i} a b c" for i in range(N)])))
    chosen = _select(_items()).of(_items())
    assert set(chosen.lengths["words"]) == {"b"}
    assert _select(_items(), encoder=Counter(modality="image")).of(_items()).lengths == {}


def test_items_that_go_together_are_those_that_all_have(data: Callable[..., object]) -> None:
    """Of languages taken together the ids within everyone's limits remain, in one order, and a count says so."""
    ids = [str(i) for i in range(60)]
    data(_pairs("x", [(4, 4)] * 60, ids), _pairs("y", [(4, 4)] * 55 + [(9, 9)] * 5, ids[::-1]))
    group = tuple(_items(name, together=("x", "y")) for name in ("x", "y"))
    chosen = _select(*group)
    one, two = (chosen.of(items).pairs for items in group)
    assert one.ids == two.ids == tuple(ids[5:])
    assert [count.step for count in one.counts][-1] == "not in y within the limits"
    assert (one.counts[-1].kept, one.counts[-1].dropped) == (55, 5)


def test_items_that_go_together_but_share_nothing_are_refused(data: Callable[..., object]) -> None:
    """Where no id is common, the error says which data set took the items away."""
    data(_pairs("x", [(4, 4)] * N), _pairs("y", [(4, 4)] * N, [f"other {i}" for i in range(N)]))
    with pytest.raises(InputError, match="not in y within the limits: -50, left 0"):
        _select(_items("x", together=("x", "y")))


@pytest.mark.parametrize(
    ("shortfall", "sizes"), [("use_all", (60, 45)), ("equal", (45, 45)), ("error", None)]
)
def test_a_shortfall_is_met_as_the_study_says(
    data: Callable[..., object], shortfall: str, sizes: tuple[int, int] | None
) -> None:
    """Fewer than asked for: an error, all there are, or as many in each; who goes on is told the numbers."""
    data(_pairs("x", [(4, 4)] * 60), _pairs("y", [(4, 4)] * 45))
    wanted = (_items("x"), _items("y"))
    if sizes is None:
        with pytest.raises(InputError, match="70 pairs are needed, but 'x' has 60"):
            _select(*wanted, n=70, shortfall=shortfall)
        return
    with pytest.warns(PlatoscopeWarning, match=rf"fewer than the 70.*x {sizes[0]}, y {sizes[1]}"):
        chosen = _select(*wanted, n=70, shortfall=shortfall)
    assert tuple(len(chosen.of(items).pairs) for items in wanted) == sizes


def test_too_few_for_ranks_are_refused_whatever_the_study_says(data: Callable[..., object]) -> None:
    """Below 40 items there is no comparison, also where a study takes all there are."""
    data(_pairs("x", [(4, 4)] * 39))
    with pytest.raises(InputError, match="40 pairs are needed, but 'x' has 39"):
        _select(_items(), n=100, shortfall="use_all")


def test_what_only_reads_may_have_few_items(data: Callable[..., object]) -> None:
    """The forty are what a comparison needs; an extraction takes what there is."""
    data(_pairs("x", [(5, 5)] * 12))
    assert len(_select(_items(), n=10, smallest=1).of(_items()).pairs) == 10


def test_short_texts_are_told_the_way_out(data: Callable[..., object]) -> None:
    """Where limits of tokens took the items, the error names the options that move them."""
    data(_pairs("x", [(5, 5)] * 60))
    with pytest.raises(
        InputError, match=r"Texts of 40 to 80 tokens were taken; --min-tokens and --max-tokens"
    ):
        _select(_items(minimum=40, maximum=80), n=50)
    plan = make_plan(get_study("translations"), min_tokens=3, max_tokens=9, skip_missing=True)
    limits = {(item.items.minimum, item.items.maximum) for item in plan.comparisons if item.items}
    assert limits <= {(3, 9), (None, None)}
    assert (plan.choices.min_tokens, plan.choices.max_tokens) == (3, 9)
    assert {item.items.near_duplicates for item in plan.comparisons if item.items} == {None}
    with pytest.raises(InputError, match="min_tokens must be a whole number"):
        make_plan(get_study("translations"), min_tokens=0.5)  # type: ignore[arg-type]


def test_near_duplicates_may_be_dropped_from_any_study() -> None:
    """Wherever a study limits texts, the plan takes the user's share; a share above 1 is refused."""
    plan = make_plan(get_study("translations"), near_duplicates=0.7, skip_missing=True)
    limited = [item.items for item in plan.comparisons if item.items and item.items.minimum]
    assert limited
    assert {items.near_duplicates for items in limited} == {0.7}
    with pytest.raises(InputError, match=r"near_duplicates must be above 0 and at most 1"):
        make_plan(get_study("translations"), near_duplicates=1.5, skip_missing=True)


def test_what_was_filtered_is_not_loaded_again(data: Callable[..., list[str]]) -> None:
    """Several plans give what they filtered from one to the next; other limits are items of their own."""
    loaded = data(_pairs("x", [(4, 4)] * N))
    candidates = Candidates()
    counter = Counter()
    first = _select(_items(), candidates=candidates, encoder=counter)
    again = _select(_items(), candidates=candidates, encoder=counter)
    assert loaded == ["x"]
    assert len(counter.counted) == 2 * N
    assert again.of(_items()).pairs.fingerprint() == first.of(_items()).pairs.fingerprint()
    _select(_items(maximum=7), candidates=candidates)
    assert loaded == ["x", "x"]


def test_damaged_data_are_named_and_nothing_is_kept_of_them(tmp_path: Path) -> None:
    """A table cut short within a row, or one that is gone, is an error with its path, the next time as well."""
    rows = "".join(json.dumps({"en": _text(i, 4), "it": _text(i, 5)}) + "\n" for i in range(N))
    path = tmp_path / "données ü.jsonl"
    path.write_text(rows[:-20])
    items = _items(str(path))
    candidates = Candidates()
    for _ in range(2):
        with pytest.raises((InputError, StorageError), match="données ü"):
            _select(items, candidates=candidates)
    with pytest.raises(NotFoundError, match="was not gathered; gathered were: none"):
        candidates.of(items)
    path.write_text(rows)
    assert len(_select(items, candidates=candidates).of(items).pairs) == N


def test_selections_say_what_they_hold(data: Callable[..., object]) -> None:
    """Items are found by the comparison; others are an error that names what was asked and what there is."""
    data(_pairs("x", [(4, 4)] * N))
    selections = _select(_items())
    source = Source(model="m")
    comparison = Comparison(label="c", a=source, b=replace(source, side="b"), items=_items())
    assert selections.behind(comparison) is selections.of(_items())
    side = Synthetic(construction="low_rank", role="x", n_features=2, values=(1.0,))
    assert selections.behind(Comparison(label="s", a=side, b=replace(side, role="y"))) is None
    with pytest.raises(NotFoundError, match=r"no items of y \(words\) were chosen.*those of x \(words\)"):
        selections.of(_items("y"))
    told = selections.provenance["x (words)"]
    assert told["lengths"]["words"]["a"]["mean_tokens"] == 4.0
    assert told["fingerprint"] == selections.of(_items()).pairs.fingerprint()
