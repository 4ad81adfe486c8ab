"""How soon is the page of a trace with a million events open, and how soon drawn anew? In a headless Chromium.

Needs selenium, chromium and chromedriver.
Run: python bench/trace_page.py [--rounds N]
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from _table import Table

from plait._core.trace import Lane, Slice, State, Trace, Wait
from plait._draw.trace_page import draw_trace_page

_LANES, _STATES, _ITEMS, _WAITS = 16, 720_000, 200_000, 80_000
_SECONDS = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        print(f"not measured: no {' and no '.join(missing)} on PATH (Debian: apt-get install chromium chromium-driver)")
        return
    table = Table("a page with 1,000,000 events, on this machine as busy as it is")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.html"
        file.write_text(draw_trace_page(large()), encoding="utf-8")
        table.add_fact("size", "", f"{file.stat().st_size / 1e6:.1f} MB")
        browser = opened()
        try:
            rounds = [seconds(browser, file) for _ in range(options.rounds)]
        finally:
            browser.quit()
    for what, found in zip(("open and drawn", "drawn again"), zip(*rounds, strict=True), strict=True):
        best = min(found)
        target = (f"<= {_SECONDS:.0f} s", best <= _SECONDS) if what == "open and drawn" else ("", None)
        table.add_fact(what, "the fastest of all rounds", f"{best:.2f} s", target[0], met=target[1])
    table.show()


def large() -> Trace:
    chance = random.Random(1)
    trace = Trace("large.py", 0.0, 60_000_000)
    states = [State.PYTHON, State.NATIVE, State.GIL, State.CORE, State.LOCK, State.QUEUE, State.SLEEP, State.SOCKET]
    for number in range(_LANES):
        lane = Lane(f"worker-{number}", "worker", 1, number + 1)
        trace.lanes.append(lane)
        step = trace.microseconds * _LANES // _STATES
        for moment in range(0, trace.microseconds, step):
            lane.add(moment + chance.randrange(step), states[chance.randrange(8)], 0)
    for number in range(_ITEMS):
        began = number * trace.microseconds // _ITEMS
        ended = began + chance.randrange(100, 4000)
        trace.slices.append(Slice(number % _LANES, began, ended, f"resize, item {number}", "resize"))
    for number in range(_WAITS):
        began, other = number * trace.microseconds // _WAITS, (number + 1) % _LANES
        wait = Wait(number % _LANES, began, began + 900, State.LOCK, "LOCK (app.py:3)", "app.py:9 in wait", other)
        trace.waits.append(wait)
    return trace


def opened() -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,900"):
        options.add_argument(word)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def seconds(browser: Any, file: Path) -> tuple[float, float]:
    """From the beginning of the load until it is drawn, and to draw it once more."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(file.as_uri())
    ready = "return document.documentElement.dataset.ready"
    found = WebDriverWait(browser, 60).until(lambda page: page.execute_script(ready))
    again = "const began = performance.now(); draw(); return performance.now() - began"
    return float(found) / 1000, browser.execute_script(again) / 1000


if __name__ == "__main__":
    main()
