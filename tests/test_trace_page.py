"""The picture of a trace, driven in a real browser: drawn, zoomed, hovered, searched, by keyboard, in light and dark."""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import plait
from plait._core.trace import Lane, Slice, State, Trace, Wait
from plait._draw.trace_page import draw_trace_page

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")), reason="no chromium here"
)


def example(states: int = 100) -> Trace:
    """Two threads and a worker in one second; the second waits for the first."""
    trace = Trace("app.py", 0.0, 1_000_000, summary=["it <waits>", "LOCK (app.py:3): 0.90 s of waiting"])
    for name in ("holder", "waiter", "process-1"):
        trace.lanes.append(Lane(name, "thread", 1, 1))
    for at in range(states):
        trace.lanes[0].add(at * 1_000_000 // states, State.PYTHON if at % 2 else State.GIL)
    trace.lanes[1].add(0, State.LOCK)
    trace.lanes[2].add(0, State.IDLE)
    trace.waits.append(Wait(1, 0, 900_000, State.LOCK, "LOCK (app.py:3)", "app.py:9 in wait", 0, "app.py:5 in hold", 0))
    trace.slices.append(Slice(2, 400_000, 600_000, "resize, item 7", "resize"))
    return trace


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,800"):
        options.add_argument(word)
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """A tab of its own, in a browser that is started once."""
    first = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    yield chromium
    chromium.close()
    chromium.switch_to.window(first)


def opened(browser: Any, trace: Trace, tmp_path: Path) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    file = tmp_path / "run.html"
    file.write_text(draw_trace_page(trace), encoding="utf-8")
    browser.get(file.as_uri())
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return document.documentElement.dataset.ready"))
    return browser


def hover(browser: Any, lane: int, moment: float) -> str:
    browser.execute_script(
        "const l = D.lanes[arguments[0]], r = canvas.getBoundingClientRect();"
        "canvas.dispatchEvent(new MouseEvent('mousemove', {clientX: r.left + X(arguments[1]), clientY: r.top + l.y + 3}))",
        lane,
        moment,
    )
    return str(browser.execute_script("return tip.textContent"))


def test_the_picture_is_driven(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    text = hover(browser, 1, 450_000)
    assert "waits 900 ms for LOCK (app.py:3) at app.py:9 in wait" in text
    assert "held by holder, at app.py:5 in hold" in text
    assert "resize, item 7: 200 ms" in hover(browser, 2, 500_000)

    browser.execute_script("canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -1, cancelable: true}))")
    assert browser.execute_script("return to - from") == pytest.approx(800_000)
    browser.execute_script("dispatchEvent(new KeyboardEvent('keydown', {key: '0'}))")
    assert (
        browser.execute_script("return tip.style.display") == "none"
    )  # what it said is not under the pointer any more
    assert browser.execute_script("return to - from") == 1_000_000

    find = browser.find_element("id", "find")
    find.send_keys("item 7")
    assert browser.find_element("id", "hits").text == "1 hit, 0 lanes"
    find.send_keys("\n")
    assert browser.execute_script("return [from < 400000, to > 600000, to - from < 1000000 + 1]") == [True] * 3
    browser.execute_script("look(0, D.end); document.querySelector('li .shown').click()")
    assert browser.execute_script("return [find.value, hits.length, from]") == ["LOCK (app.py:3)", 1, 0]
    assert "it <waits>" in browser.find_element("tag name", "header").text
    browser.execute_script("look(0, D.end); [...document.querySelectorAll('#legend .key')].at(-1).click()")
    assert browser.execute_script("return [find.value, hits.length, hits[0].lane.name]") == ["idle", 1, "process-1"]


def test_a_tall_picture_is_scrolled_by_the_wheel_and_keeps_its_axis(browser: Any, tmp_path: Path) -> None:
    trace = example()
    for at in range(100):
        trace.lanes.append(Lane(f"waits {at}", "thread", 1, 10 + at))
        trace.lanes[-1].add(0, State.LOCK)
    opened(browser, trace, tmp_path)
    turn = "canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -1, cancelable: true, ...arguments[0]})); return to - from"
    assert browser.execute_script(turn, {}) == 1_000_000
    assert browser.execute_script(turn, {"ctrlKey": True}) == pytest.approx(800_000)
    noted = "const at = [], put = pen.fillText; pen.fillText = (text, x, y) => { if (/ ms$/.test(text)) at.push(y); };"
    script = f"{noted} scrollTo(0, 900); draw(); pen.fillText = put; return [at, canvas.getBoundingClientRect().top]"
    marks, top = browser.execute_script(script)
    bar = browser.execute_script("return bar.getBoundingClientRect().bottom")
    assert top < 0
    assert {mark + top for mark in marks} == {bar + 8}


def test_an_item_has_as_much_of_its_name_as_there_is_room_for(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    fitted = "return [1000, 50, 12, 2].map(room => fitted('resize, item 7', room))"
    assert browser.execute_script(fitted) == ["resize, item 7", "item 7", "7", ""]


def test_without_a_pointer(browser: Any, tmp_path: Path) -> None:
    """The space key takes a sentence to its place in the picture, and what is there is told."""
    opened(browser, example(), tmp_path)
    browser.execute_script(
        "[...document.querySelectorAll('li .shown')].at(-1).dispatchEvent(new KeyboardEvent('keydown', {key: ' '}))"
    )
    assert "held by holder, at app.py:5 in hold" in browser.find_element("id", "tip").text


def rows(browser: Any) -> list[tuple[str, int]]:
    """The name of each row, and how many lanes it has."""
    return [
        (name, lanes)
        for name, lanes in browser.execute_script("return D.rows.map(row => [row.name, row.lanes.length])")
    ]


def test_workers_of_one_map_after_the_other_share_rows(browser: Any, tmp_path: Path) -> None:
    """Those of one name do; where there are many of a kind, as the threads of a server, whichever has ended."""
    trace = Trace("app.py", 0.0, 1_000_000)
    for began in (0, 300_000, 600_000):
        for name in ("thread-1", "thread-2"):
            lane = Lane(name, "worker", 1, 1)
            lane.add(began, State.PYTHON)
            lane.add(began + 250_000, State.ABSENT)
            trace.lanes.append(lane)
    opened(browser, trace, tmp_path)
    assert rows(browser) == [("thread-1", 3), ("thread-2", 3)]
    assert hover(browser, 2, 400_000).splitlines()[0] == "thread-1"
    browser.execute_script("tip.textContent = describe(10, D.rows[0].y + 3)")
    assert browser.execute_script("return tip.textContent").splitlines() == [
        "thread-1: 3, one after the other",
        "0.750 s running Python",
    ]
    trace.lanes[2].moments[0] = 200_000  # it had begun before the first one ended
    assert rows(opened(browser, trace, tmp_path)) == [("thread-1", 2), ("thread-2", 3), ("thread-1", 1)]

    trace = Trace("server.py", 0.0, 1_000_000)
    for number in range(1, 41):
        lane = Lane(f"Thread-{number} (handle)", "thread", 1, number)
        lane.add(number * 10_000, State.PYTHON)
        lane.add(number * 10_000 + 15_000, State.ABSENT)
        trace.lanes.append(lane)
    assert rows(opened(browser, trace, tmp_path)) == [("Thread-… (handle)", 20)] * 2
    assert hover(browser, 10, 115_000).splitlines()[0] == "Thread-11 (handle)"
    trace.lanes = trace.lanes[:10]
    assert len(rows(opened(browser, trace, tmp_path))) == 10


def test_colours_follow_the_reader(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    seen = []
    for scheme in ("light", "dark"):
        feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
        seen.append(browser.execute_script("draw(); return getComputedStyle(document.body).backgroundColor"))
        picture = "return Array.from(pen.getImageData(600, TOP + 5 + 20, 1, 1).data)"
        seen.append(tuple(browser.execute_script(picture)))
    assert len(set(seen)) == 4
    assert (tmp_path / "run.html").read_text().count("http") == 0


def test_marks_of_time_differ_however_near_they_are(browser: Any, tmp_path: Path) -> None:
    """Fifteen seconds after the beginning, a stretch of some milliseconds."""
    trace = example()
    trace.microseconds = 30_000_000
    opened(browser, trace, tmp_path)
    noted = (
        "const seen = [], whole = pen.fillText; pen.fillText = (text, ...at) => { if (at[1] === 8) seen.push(text); };"
    )
    for span in (30_000_000, 200_000, 900, 7):
        texts = browser.execute_script(f"{noted} look(15e6, 15e6 + {span}); draw(); pen.fillText = whole; return seen")
        assert len(set(texts)) == len(texts) > 1


def test_the_legend_has_all_that_is_drawn_and_nothing_is_wider_than_the_window(browser: Any, tmp_path: Path) -> None:
    trace = example()
    trace.lanes[0].add(950_000, State.UNSEEN)  # which its times share out among what was seen
    trace.lanes += [Lane(f"waits {at}", "thread", 1, 10 + at) for at in range(100)]
    opened(browser, trace, tmp_path)
    assert "unseen" in browser.find_element("id", "legend").text
    assert browser.execute_script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_million_states_open(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(1_000_000), tmp_path)
    assert browser.execute_script("return D.lanes[0].moments.length") == 1_000_000


APP = """
import threading
import time

lock = threading.Lock()


def serve():
    for _ in range(3):
        time.sleep(0.1)  # stands for a request
        with lock:
            time.sleep(0.12)  # stands for a query


threads = [threading.Thread(target=serve, name=f"server {number}") for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_picture_in_the_docs_is_one_of_a_program(browser: Any, tmp_path: Path) -> None:
    """It gets there with PLAIT_PICTURES in the environment."""
    app = tmp_path / "app.py"
    app.write_text(APP)
    with plait.trace() as trace:
        runpy.run_path(str(app))
    trace.title = "app.py"
    opened(browser, trace, tmp_path)
    assert browser.title.startswith("app.py")
    servers = sorted(lane.name for lane in trace.lanes if lane.name.startswith("server"))  # libraries have threads, too
    assert servers == ["server 0", "server 1", "server 2"]
    if "PLAIT_PICTURES" in os.environ:
        size = {"width": 1000, "height": 400, "deviceScaleFactor": 2, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        browser.execute_script("draw()")
        browser.save_screenshot(str(PICTURES / "trace.png"))
