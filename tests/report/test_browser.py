"""Pages in a browser: charts are drawn, a layer is chosen, no network is asked, and nothing runs that came as data."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.datasets import load_pairs, write_pairs
from platoscope.layerwise import per_item, profile
from platoscope.measures import information_imbalance
from platoscope.models import load_model
from platoscope.report import write_page, write_report
from platoscope.report.site import find_runs, write_site
from platoscope.representations import extract
from platoscope.studies import (
    Comparison,
    Design,
    Items,
    Panel,
    Source,
    Study,
    StudyResult,
    execute,
    load_run,
    make_plan,
)
from platoscope.studies.judge.claims import minimum_in_the_middle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import xarray as xr

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="needs a browser: apt-get install chromium"),
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="needs Playwright: pip install --group dev"
    ),
    pytest.mark.filterwarnings("ignore::platoscope.errors.PlatoscopeWarning"),
]

EVIL = '</script><script>window.hit = 1</script><img src=x onerror="window.hit = 1"><b>&amp;'
N = 60
SEEN = 44


@dataclass
class Visit:
    """A page in a browser, with all that it said and asked for."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        """Open a file, and wait for its script."""
        self.page.goto(path.resolve().as_uri())
        self.page.wait_for_load_state("load")

    def clean(self) -> None:
        """Assert that nothing went wrong, that no network was asked, and that no data became code."""
        assert not self.errors
        assert all(url.startswith(("file:", "data:", "blob:")) for url in self.requests)
        assert self.page.evaluate("window.hit") is None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give one browser without a window for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=PROGRAM, timeout=300_000)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Give a function that opens an empty page, light or dark; without charts Plotly waits for a frame that never comes."""
    contexts = []

    def new(colors: str = "light", *, charts: bool = True) -> Visit:
        context = browser.new_context(color_scheme=colors, viewport={"width": 1300, "height": 900})
        contexts.append(context)
        if not charts:
            context.add_init_script("window.requestAnimationFrame = () => 0")
        found = Visit(context.new_page())
        found.page.set_default_timeout(300_000)  # on a busy machine a page takes its time
        found.page.on(
            "console", lambda said: found.errors.append(said.text) if said.type == "error" else None
        )
        found.page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.page.on("request", lambda request: found.requests.append(request.url))
        return found

    yield new
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with two runs of one study on a tiny model, whose texts would be markup if they were not text."""
    pytest.importorskip("torch")
    from platoscope.testing.models import save_tiny_model

    root = tmp_path_factory.mktemp("page")
    save_tiny_model("llama", root / "model", n_features=16)
    rng = np.random.default_rng(0)
    words = ("stone", "river", "night", "house", "child", "bread")
    pairs = []
    for i in range(N):
        text = f"{i} {' '.join(rng.choice(words, size=6))}"
        text += EVIL if i == 0 else ""
        pairs.append(
            {
                "id": f"pair {i}{EVIL if i == 1 else ''}",
                "en": text,
                "it": text[::-1],
                "stratum": f"book {i % 3}",
            }
        )
    (root / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    items = Items(data=str(root / "pairs.jsonl"), minimum=None, maximum=None)
    sides = {side: Source(model=str(root / "model"), side=side, pooling="mean(5)") for side in ("a", "b")}
    design = Design(
        comparisons=tuple(
            Comparison(label=f"{kind} {EVIL}", items=items, kind=kind, **sides)
            for kind in ("profile", "grid", "spaces")
        ),
        panels=(
            Panel(kind="profile", labels=(f"profile {EVIL}",), title=f"Profile {EVIL}"),
            Panel(kind="grid", labels=(f"grid {EVIL}",), title="Grid"),
        ),
    )
    study = Study(name="tiny", question=f"Does {EVIL} hold?", design=lambda choices: design)
    for name, n in (("one", N), ("two", 48)):
        result = _run(study, root, name, n)
        if name == "one":
            write_report(result, result.folder)
    return root / "runs"


def _run(study: Study, root: Path, name: str, n: int) -> StudyResult:
    plan = make_plan(study, n=n, n_resamples=10, n_permutations=4)
    return execute(plan, out=root / "runs" / name, store=root / "store")


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of a run on pictures and their captions, whose statement is about its second comparison."""
    pytest.importorskip("torch")
    from PIL import Image

    from platoscope.testing.models import save_tiny_model

    root = tmp_path_factory.mktemp("captions")
    save_tiny_model("vit", root / "eye", n_features=16)
    save_tiny_model("dinov2", root / "other", n_features=16)
    save_tiny_model("llama", root / "mouth", n_features=16)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(SEEN):
        picture = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(picture).resize((60, 30)).save(root / f"{i}.png")
        rows.append({"id": f"picture {i}", "image": f"{i}.png", "caption": f"{i} {EVIL} {picture[0, 0]}"})
    (root / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    titles = tuple(f"drawing {i} {EVIL}" if i % 2 else "" for i in range(SEEN))
    write_pairs(replace(load_pairs(root / "pairs.jsonl"), titles=titles), root / "titled")
    items = Items(data=str(root / "titled"), minimum=None, maximum=None)
    sides = ("eye", "a"), ("other", "a"), ("mouth", "b")
    eye, other, mouth = (Source(model=str(root / name), side=side, pooling="mean") for name, side in sides)
    comparisons = (
        Comparison(label="two eyes", a=eye, b=other, items=items),
        Comparison(label="eye and mouth", a=eye, b=mouth, items=items),
    )
    statement = minimum_in_the_middle("eye and mouth", text="Its minimum is in the middle.")
    design = Design(comparisons=comparisons, statements=(statement,))
    study = Study(name="seen", question="What is in a picture?", design=lambda choices: design)
    result = _run(study, root, "seen", SEEN)
    return write_page(result, result.folder)


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_every_chart_is_drawn_and_nothing_else_happens(
    colors: str, runs: Path, visit: Callable[..., Visit]
) -> None:
    """Charts appear when they are scrolled to, on paper of either color, and follow who chooses the other one."""
    seen = visit(colors)
    seen.open(runs / "one" / "index.html")
    charts = seen.page.locator(".panels .chart")
    assert charts.count() == 3  # the profile, and the grid in both directions
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        chart.locator("svg.main-svg").first.wait_for()
    papers = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 25, 31)"}
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == papers.pop(colors)
    ((other, paper),) = papers.items()
    seen.page.get_by_label("Colors").select_option(other)
    charts.first.locator(f"svg.main-svg[style*='{paper}']").first.wait_for()
    seen.clean()


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_pages_have_no_barrier_that_a_program_finds(
    colors: str, runs: Path, captions: Path, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    """Axe finds no violation in pages of texts and of pictures and in the index: names, roles, contrast, order."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe: pip install --group dev"
    )
    index = write_site(find_runs(runs), tmp_path / "site")
    for path in (runs / "one" / "index.html", captions, index):
        seen = visit(colors, charts=path == captions)
        seen.open(path)
        if path != index:
            seen.page.locator("#pairs tbody button").first.click()
        if path == captions:
            seen.page.locator("#profile .point").first.wait_for()
        found = axe.Axe().run(seen.page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not [(item["id"], [node["html"][:200] for node in item["nodes"]]) for item in found]


def _open_pairs(seen: Visit, path: Path) -> Any:
    """Open the page of a run, wait for the list of its pairs, and give the rows of the list."""
    seen.open(path)
    rows = seen.page.locator("#pairs tbody tr:not(.detail)")
    rows.first.wait_for()
    return rows


def _click(page: Any, chart: str, x: float, y: float) -> None:
    """Click on a place of a chart, which knows what lies there once it has said so."""
    page.mouse.move(x + 3, y)
    page.mouse.move(x, y)
    page.locator(f"#{chart} .hoverlayer text").first.wait_for()
    page.mouse.click(x, y)


def _profile(folder: Path) -> xr.Dataset:
    return load_run(folder).results[f"profile {EVIL}"]


def test_pairs_stand_in_the_order_of_their_ranks(runs: Path, visit: Callable[..., Visit]) -> None:
    """The list has the ranks of the result at the layer with the smallest Δ, highest first, and says Δ of the pairs."""
    seen = visit(charts=False)
    rows = _open_pairs(seen, runs / "one" / "index.html")
    result = _profile(runs / "one")
    layer = int(np.argmin(result.information_imbalance.sel(direction="a_to_b").values))
    ranks = result.neighbor_rank.sel(direction="a_to_b").isel(layer=layer)
    order = np.argsort(-ranks.values, kind="stable")
    assert rows.count() == 25
    names = [row.locator("th").inner_text().split("\n")[0] for row in rows.all()]
    assert names == [str(result["item"].values[i]) for i in order[:25]]
    first = rows.first.locator("td.number").first.inner_text()
    assert float(first) == pytest.approx(float(ranks.max()), abs=0.05)
    delta = float(result.information_imbalance.sel(direction="a_to_b").isel(layer=layer))
    said = seen.page.locator("#said").inner_text()
    assert said.startswith("Pairs 1 to 25 of 60, by rank of the neighbor, en → it, highest first.")
    assert f"Δ(en → it) {delta:.3f}" in said
    seen.clean()


def test_a_click_on_the_profile_takes_its_layer(runs: Path, visit: Callable[..., Visit]) -> None:
    """A point of the curve is a layer: lists and ranks follow it."""
    seen = visit()
    rows = _open_pairs(seen, runs / "one" / "index.html")
    seen.page.locator("#layer-a").select_option("0")
    before = rows.all_inner_texts()
    # The last of the four points of the last curve, wherever it is on the screen.
    point = seen.page.locator("#profile .scatterlayer .trace .point").last
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    _click(seen.page, "profile", box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    seen.page.wait_for_function("() => document.getElementById('layer-a').value === '3'")
    assert seen.page.locator("#layer-b").input_value() == "3"
    assert rows.all_inner_texts() != before
    seen.clean()


def test_a_click_on_any_cell_of_a_grid_shows_the_ranks_of_its_two_layers(
    runs: Path, visit: Callable[..., Visit]
) -> None:
    """Layers that the run did not match have ranks and neighbors too: those of the two layers compared by themselves."""
    seen = visit()
    rows = _open_pairs(seen, runs / "one" / "index.html")
    seen.page.locator("#grid .hm").scroll_into_view_if_needed()
    plot = seen.page.locator("#grid .nsewdrag").bounding_box()
    # The first layer of en, the last of it.
    _click(seen.page, "grid", plot["x"] + plot["width"] * 0.1, plot["y"] + plot["height"] * 0.1)
    seen.page.wait_for_function("() => document.getElementById('layer-b').value === '3'")
    assert seen.page.locator("#layer-a").input_value() == "0"
    asked = load_run(runs / "one").plan.comparisons[0]
    pairs = load_pairs(asked.items.data)
    model = load_model(asked.a.model, clip=asked.a.clip)
    two = [
        extract(model, pairs, side=side, pooling="mean(5)", store=runs.parent / "store").parts(layer)[0]
        for side, layer in (("a", 0), ("b", 3))
    ]
    alone = profile(
        [two[0]], [two[1]], measures="information_imbalance", transform="unit", n_resamples=0, items=True
    )
    ranks = alone.neighbor_rank.sel(direction="a_to_b").isel(layer=0).values
    order = np.argsort(-ranks, kind="stable")
    names = [row.locator("th").inner_text().split("\n")[0] for row in rows.all()]
    assert names == [pairs.ids[i] for i in order[:25]]
    shown = [float(text) for text in rows.locator("td.number:nth-child(4)").all_inner_texts()]
    np.testing.assert_allclose(shown, ranks[order[:25]], atol=0.051)
    forward, backward = information_imbalance(*two, transform="unit")
    said = seen.page.locator("#said").inner_text()
    assert f"Δ(en → it) {forward:.3f}; Δ(it → en) {backward:.3f}" in said
    assert f"At the chosen layers: {forward:.3f}" in seen.page.locator("#grid").get_attribute("aria-label")
    assert not seen.page.locator("#unranked").inner_text()
    rows.first.get_by_role("button").click()
    rank = f"In it it has rank {ranks[order[0]]:.0f} of {N - 1}."
    assert rank in seen.page.locator("#pairs .neighbor p").first.inner_text()
    seen.clean()


def test_a_page_that_lacks_the_ranks_of_cells_shows_neighbors_and_says_why(
    runs: Path, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    """In the grid of an earlier version layers that were not matched have neighbors on each side and no ranks."""
    whole = load_run(runs / "one")
    older = {
        label: result.drop_dims("item") if result.attrs["kind"] == "grid" else result
        for label, result in whole.results.items()
    }
    seen = visit(charts=False)
    rows = _open_pairs(seen, write_page(replace(whole, results=older), tmp_path, drawn=()))
    seen.page.locator("#layer-a").select_option("0")
    seen.page.locator("#layer-b").select_option("3")
    assert "keeps the ranks of matched layers only" in seen.page.locator("#unranked").inner_text()
    assert "rank of" not in seen.page.locator("#pairs thead").inner_text()
    rows.nth(5).get_by_role("button").click()
    result = _profile(runs / "one")
    near = [str(result["item"].values[int(result[f"nearest_{s}"][i, 5])]) for s, i in (("a", 0), ("b", 3))]
    said = seen.page.locator("#pairs .neighbor p").all_inner_texts()
    named = [text.split(": ")[1].partition(" (the first of ")[0].rstrip(".") for text in said]
    assert named == near
    seen.clean()


def test_hubs_are_found(runs: Path, visit: Callable[..., Visit]) -> None:
    """By how many others have them as neighbor, pairs stand in the order of the table of items."""
    seen = visit(charts=False)
    rows = _open_pairs(seen, runs / "one" / "index.html")
    seen.page.get_by_role("button", name="nearest neighbor of others, it").click()
    result = _profile(runs / "one")
    table = per_item(result).query("direction == 'a_to_b'")
    here = table[table.layer == int(seen.page.locator("#layer-b").input_value())]
    counts = rows.locator("td.number:nth-last-child(2)").all_inner_texts()
    assert counts == [str(count) for count in sorted(here.k_occurrence_b, reverse=True)[:25]]
    assert (
        rows.first.locator("th").inner_text().split("\n")[0] == here.loc[here.k_occurrence_b.idxmax(), "item"]
    )
    seen.clean()


def test_pictures_stand_beside_their_captions(captions: Path, visit: Callable[..., Visit]) -> None:
    """The page opens with what the study's statement is about; a picture has words, and its caption is found."""
    seen = visit(charts=False)
    rows = _open_pairs(seen, captions)
    assert seen.page.locator("#comparison option:checked").inner_text() == "eye and mouth"
    side = seen.page.locator("#pairs thead th").nth(1).inner_text()
    for row in rows.all():
        title, _, name = row.locator("th").inner_text().partition("\n")
        name = name or title
        # Pairs without a title are called by their ids.
        assert (title == f"drawing {name.split()[1]} {EVIL}") == (int(name.split()[1]) % 2 == 1)
        assert row.get_by_role("img").get_attribute("alt") == f"{title}, {side}"
    picture = rows.first.get_by_role("img")
    name = rows.first.locator("th").inner_text().split("\n")[-1]
    seen.page.get_by_label("Search ids and texts").fill("drawing 7 ")
    assert rows.count() == 1
    seen.page.get_by_label("Search ids and texts").fill("")
    size = "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    assert picture.evaluate(size) == [60, 30]
    assert not seen.page.get_by_label("Stratum").is_visible()  # there are none
    seen.page.get_by_label("Search ids and texts").fill(f"{name.split()[1]} {EVIL}")
    assert f"{name.split()[1]} {EVIL}" in rows.first.locator("td.content .text").all_text_contents()[0]
    seen.page.get_by_label("Search ids and texts").fill("")
    seen.page.get_by_label("Comparison").select_option(label="two eyes")
    rows.first.get_by_role("img").nth(1).wait_for()
    seen.page.set_viewport_size({"width": 400, "height": 900})
    rows.first.get_by_role("button").click()
    for wide in (
        "html",
        ".scroll:has(#pairs)",
    ):  # on a small screen a pair is a card, and nothing lies beside it
        assert seen.page.locator(wide).evaluate("found => found.scrollWidth <= found.clientWidth")
    seen.clean()


def test_search_and_strata_narrow_the_list_and_say_its_share(runs: Path, visit: Callable[..., Visit]) -> None:
    """Only pairs of the stratum that hold the words are left, and Δ over them stands beside that of all."""
    seen = visit(charts=False)
    rows = _open_pairs(seen, runs / "one" / "index.html")
    seen.page.get_by_label("Stratum").select_option(label="book 1")
    assert set(rows.locator("th .stratum").all_inner_texts()) == {"book 1"}
    said = seen.page.locator("#said").inner_text()
    assert "Pairs 1 to 20 of 20 that match (60 in all)" in said
    assert ", of all " in said
    seen.page.get_by_label("Search ids and texts").fill("STONE")
    texts = rows.locator("td.content .text").all_text_contents()[::2]
    assert texts
    assert all("stone" in text for text in texts)
    seen.page.get_by_label("Search ids and texts").fill("no such words")
    assert "None of 0 that match (60 in all)" in seen.page.locator("#said").inner_text()
    seen.clean()


def test_the_keyboard_alone_sorts_and_opens(runs: Path, visit: Callable[..., Visit]) -> None:
    """Heads of columns and neighbors are buttons: keys work them, and the focus stays where it was."""
    seen = visit(charts=False)
    rows = _open_pairs(seen, runs / "one" / "index.html")
    page = seen.page
    page.get_by_role("button", name="rank of the neighbor, it → en").focus()
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("rank of the neighbor, it → en")
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("rank of the neighbor, it → en")
    button = rows.first.get_by_role("button")
    button.focus()
    page.keyboard.press("Space")
    assert button.get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert "In it it has rank 1 of 59" in page.locator("#pairs .detail").inner_text()
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    assert page.locator("#said").inner_text().startswith("Pairs 26 to 50 of 60")
    # Any cell of the grid: the first layer of en, the last of it.
    for select, key in (("#layer-a", "Home"), ("#layer-b", "End")):
        page.locator(select).focus()
        page.keyboard.press(key)
    page.locator("#said", has_text="Pairs 1 to 25 of 60").wait_for()
    assert (page.locator("#layer-a").input_value(), page.locator("#layer-b").input_value()) == ("0", "3")
    assert "rank of the neighbor, en → it" in page.locator("#pairs thead").inner_text()
    seen.clean()


def test_texts_of_pairs_are_text(runs: Path, visit: Callable[..., Visit]) -> None:
    """What would be markup stands in the list letter by letter."""
    seen = visit(charts=False)
    rows = _open_pairs(seen, runs / "one" / "index.html")
    seen.page.get_by_label("Search ids and texts").fill("onerror")
    assert rows.count() == 2  # one by its text, one by its id
    assert any(EVIL in text for text in rows.locator("th").all_text_contents())
    assert any(EVIL in text for text in rows.locator(".text").all_text_contents())
    assert seen.page.locator("#pairs img, #pairs b").count() == 0
    seen.clean()


def test_another_measure_and_space_are_shown_and_named(runs: Path, visit: Callable[..., Visit]) -> None:
    """The chart takes another measure and space, and the list says that its ranks are of another space."""
    seen = visit(charts=False)
    _open_pairs(seen, runs / "one" / "index.html")
    chart = seen.page.locator("#profile")
    seen.page.get_by_label("Measure").select_option("neighborhood_overlap")
    assert "overlap over the layers of en" in chart.get_attribute("aria-label")
    spaces = seen.page.get_by_label("Space of the chart")
    other = next(text for text in spaces.locator("option").all_inner_texts() if text != spaces.input_value())
    spaces.select_option(other)
    assert "imbalance" in chart.get_attribute("aria-label")  # the other space has Δ alone
    assert f"The chart is in the space “{other}”." in seen.page.locator("#unranked").inner_text()
    seen.clean()


def test_a_page_without_items_has_names_alone(
    runs: Path, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    """A page that was made without items holds no text of a pair, and says so."""
    page = write_page(load_run(runs / "one"), tmp_path, items=False)
    text = _profile(runs / "one")
    assert "stone river" not in page.read_text(encoding="utf-8")
    seen = visit(charts=False)
    rows = _open_pairs(seen, page)
    assert set(rows.locator(".text").all_text_contents()) == {"–"}
    assert "made without texts" in seen.page.locator("#license").inner_text()
    assert rows.locator("th").first.inner_text().split("\n")[0] in set(map(str, text["item"].values))
    seen.clean()


def test_index_lays_profiles_of_runs_over_one_another(
    runs: Path, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    """Runs that are chosen are drawn together, and what makes their heights incomparable is said."""
    seen = visit()
    seen.open(write_site(find_runs(runs), tmp_path / "site"))
    said = seen.page.locator("#said")
    assert said.inner_text() == "No run with profiles is chosen."
    seen.page.get_by_label("show one").check()
    assert said.inner_text() == "1 profile shown."
    seen.page.get_by_label("show two").check()
    assert "2 profiles shown. They differ in the number of pairs (60 | 48)" in said.inner_text()
    names = seen.page.locator("#overlay .legendtext").all_text_contents()
    assert [name.split(":")[0] for name in names] == ["one", "two"]
    seen.page.get_by_role("link", name="one").click()
    seen.page.wait_for_load_state("load")
    assert seen.page.locator("h1").inner_text() == "tiny"
    seen.clean()
