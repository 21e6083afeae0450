"""Open the pages of runs in a browser without a window, and print how long that takes.

Run ``python benchmarks/pages.py RUN/index.html…`` (options: ``--times``, ``--width``); it needs Chromium and
Playwright. Each opening is in a fresh profile of one browser, from the file; medians. The list and the chart of the
pairs count once a frame with them is drawn. CPU is the processor time of the browser until it rests; other programs
change it less than the times.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
REST = 1000
"""Milliseconds after the last part, in which the browser ends what it began."""
WATCH = """
const wanted = { list: "#pairs tbody tr", chart: "#profile .point" };
window.seen = {};
const look = () => {
  for (const [name, where] of Object.entries(wanted))
    if (!(name in seen) && document.querySelector(where)) seen[name] = performance.now();
  if (Object.keys(seen).length < 2) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def main() -> None:
    """Measure every page, and print a row for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--width", type=int, default=1300, help="of the window, in pixels")
    chosen = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        session = browser.new_browser_cdp_session()
        open_once(
            browser, session, chosen.pages[0], chosen.width
        )  # the program and the file are in memory then
        for page in chosen.pages:
            found = [open_once(browser, session, page, chosen.width) for _ in range(chosen.times)]
            list_, chart, cpu = (statistics.median(column) for column in zip(*found, strict=True))
            size = page.stat().st_size / 1e6
            print(f"{page}: {size:.1f} MB, list {list_:.2f} s, chart {chart:.2f} s, CPU {cpu:.2f} s")
        browser.close()


def open_once(browser: Browser, session: CDPSession, path: Path, width: int) -> tuple[float, float, float]:
    """Give the seconds until list and chart stand, and those of processor time."""
    before = processor_times(session)
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(path.resolve().as_uri())
    page.wait_for_function("() => Object.keys(window.seen).length === 2", timeout=300_000)
    seen = page.evaluate("window.seen")
    page.wait_for_timeout(REST)
    spent = sum(seconds - before.get(process, 0) for process, seconds in processor_times(session).items())
    context.close()
    return seen["list"] / 1000, seen["chart"] / 1000, spent


def processor_times(session: CDPSession) -> dict[int, float]:
    """Give the seconds that each process of the browser used so far; that of an earlier page may end meanwhile."""
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return {process["id"]: process["cpuTime"] for process in found}


if __name__ == "__main__":
    main()
