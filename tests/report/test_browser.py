"""Pages in a browser: charts are drawn, a layer is chosen, no network is asked, and nothing runs that came as data."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platoscope.report import write_report
from platoscope.report.site import find_runs, write_site
from platoscope.studies import Comparison, Design, Items, Panel, Source, Study, execute, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
        opened = playwright.chromium.launch(executable_path=PROGRAM)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Give a function that opens an empty page, light or dark."""
    contexts = []

    def new(colors: str = "light") -> Visit:
        context = browser.new_context(color_scheme=colors, viewport={"width": 1300, "height": 900})
        contexts.append(context)
        found = Visit(context.new_page())
        found.page.set_default_timeout(60_000)
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
        result = execute(
            make_plan(study, n=n, n_resamples=10, n_permutations=4),
            out=root / "runs" / name,
            store=root / "store",
        )
        write_report(result, result.folder)
    return root / "runs"


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_every_chart_is_drawn_and_nothing_else_happens(
    colors: str, runs: Path, visit: Callable[..., Visit]
) -> None:
    """All charts appear when they are scrolled to, on paper of either color, without an error or a request."""
    seen = visit(colors)
    seen.open(runs / "one" / "index.html")
    charts = seen.page.locator(".panels .chart")
    assert charts.count() == 3  # the profile, and the grid in both directions
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        chart.locator("svg.main-svg").first.wait_for()
    paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if colors == "light" else "rgb(20, 25, 31)")
    seen.clean()


def test_colors_are_chosen_and_charts_follow(runs: Path, visit: Callable[..., Visit]) -> None:
    """Who chooses dark gets dark paper in the charts that are drawn already."""
    seen = visit()
    seen.open(runs / "one" / "index.html")
    chart = seen.page.locator(".panels .chart").first
    chart.scroll_into_view_if_needed()
    chart.locator("svg.main-svg").first.wait_for()
    seen.page.get_by_label("Colors").select_option("dark")
    style = chart.locator("svg.main-svg").first.get_attribute("style")
    assert "rgb(20, 25, 31)" in style
    seen.clean()


@pytest.mark.parametrize("colors", ["light", "dark"])
def test_pages_have_no_barrier_that_a_program_finds(
    colors: str, runs: Path, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    """Axe finds no violation in the page of a run and in the index: names, roles, contrast, order."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe: pip install --group dev"
    )
    index = write_site(find_runs(runs), tmp_path / "site")
    for path in (runs / "one" / "index.html", index):
        seen = visit(colors)
        seen.open(path)
        found = axe.Axe().run(seen.page).response["violations"]
        assert not [(item["id"], [node["html"][:200] for node in item["nodes"]]) for item in found]


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
