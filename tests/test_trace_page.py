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


def tall(more: int) -> Trace:
    """The same, and so many threads that wait all the time."""
    trace = example()
    for at in range(more):
        trace.lanes.append(Lane(f"waits {at}", "thread", 1, 10 + at))
        trace.lanes[-1].add(0, State.LOCK)
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
    browser.execute_script("look(0, D.end); document.querySelector('#legend [title=\"show idle\"]').click()")
    assert browser.execute_script("return [find.value, hits.length, hits[0].lane.name]") == ["idle", 1, "process-1"]


def test_a_tall_picture_is_scrolled_by_the_wheel_and_keeps_its_axis(browser: Any, tmp_path: Path) -> None:
    opened(browser, tall(100), tmp_path)
    turn = "canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -1, cancelable: true, ...arguments[0]})); return to - from"
    assert browser.execute_script(turn, {}) == 1_000_000
    assert browser.execute_script(turn, {"ctrlKey": True}) == pytest.approx(800_000)
    noted = "const at = [], put = pen.fillText; pen.fillText = (text, x, y) => { if (/ ms$/.test(text)) at.push(y); };"
    script = f"{noted} scrollTo(0, 900); draw(); pen.fillText = put; return [at, canvas.getBoundingClientRect().top]"
    marks, top = browser.execute_script(script)
    bar = browser.execute_script("return bar.getBoundingClientRect().bottom")
    assert browser.execute_script("return skip") > 700
    assert {mark + top for mark in marks} == {int(bar) + 8}


def test_an_item_has_as_much_of_its_name_as_there_is_room_for(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    fitted = "return [1000, 50, 12, 2].map(room => fitted('resize, item 7', room))"
    assert browser.execute_script(fitted) == ["resize, item 7", "item 7", "7", ""]


def test_thousands_of_lanes_are_drawn_as_far_as_the_window_shows_them(browser: Any, tmp_path: Path) -> None:
    """A browser has no canvas of more than 32,767 pixels, and is slow with less."""
    opened(browser, tall(3_000), tmp_path)
    script = "scrollTo(0, scene.offsetTop + D.lanes[2000].y - 300); draw(); return [canvas.height, innerHeight, skip]"
    height, window, skipped = browser.execute_script(script)
    assert height <= window * browser.execute_script("return devicePixelRatio")
    assert skipped > 30_000
    move = "canvas.dispatchEvent(new MouseEvent('mousemove', {clientX: 600, clientY: scene.getBoundingClientRect().top + D.lanes[2000].y + 3}))"
    assert browser.execute_script(f"{move}; return tip.textContent").startswith("waits 1997")
    browser.execute_script("search('waits 2500'); next()")
    assert browser.execute_script("draw(); return seen(D.lanes[2503])")


def test_back_leads_to_what_was_there_before_a_sentence_was_clicked(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    trace = example()
    trace.waits[0] = trace.waits[0]._replace(began=500_000, ended=600_000)
    opened(browser, trace, tmp_path)
    browser.execute_script("look(200000, 900000); document.querySelector('li .shown').click()")
    found = browser.execute_script("return [from, to, location.hash]")
    assert found == [300_000, 800_000, "#300000-800000"]
    browser.back()
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return from === 200000 && to === 900000"))
    browser.get("about:blank")
    browser.get((tmp_path / "run.html").as_uri() + found[2])
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return document.documentElement.dataset.ready"))
    assert browser.execute_script("return [from, to]") == found[:2]


def test_fingers_move_and_spread_the_picture(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    y = browser.execute_script("return canvas.getBoundingClientRect().top + 50")

    def touch(kind: str, *places: float) -> None:
        points = [{"x": x, "y": y, "id": at} for at, x in enumerate(places)]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    held = "return [400, 600].map(T)"
    before = browser.execute_script(held)
    touch("touchStart", 400, 600)
    touch("touchMove", 350, 650)
    touch("touchMove", 300, 700)
    touch("touchEnd")
    assert browser.execute_script("return [300, 700].map(T)") == pytest.approx(before, abs=1_000)
    before = browser.execute_script("return [T(600), to - from]")
    touch("touchStart", 600)
    touch("touchMove", 550)
    touch("touchMove", 500)
    touch("touchEnd")
    assert browser.execute_script("return [T(500), to - from]") == pytest.approx(before, abs=1_000)


def test_sentences_about_two_places_lead_to_each_of_them(browser: Any, tmp_path: Path) -> None:
    trace = example()
    trace.summary = [f"time.sleep: 0.1 s, in 1 wait of 1 thread, at app.py:{line} in work" for line in (3, 33)]
    trace.summary += ["35% of thread time waits for the GIL (0.5 s, most of it holder)", "all of it is waiter's"]
    for lane, line in ((0, 3), (1, 33)):
        began = 1_000 * line
        wait = Wait(lane, began, began + 500, State.SLEEP, "time.sleep", f"app.py:{line} in work")
        trace.waits.append(wait)
    opened(browser, trace, tmp_path)
    clicked = "document.querySelectorAll('li .shown')[arguments[0]].click(); return [hits.length, hits[0].lane.name, hits[0].began]"
    assert browser.execute_script(clicked, 0) == [1, "holder", 3_000]
    assert browser.execute_script(clicked, 1) == [1, "waiter", 33_000]
    assert browser.execute_script(clicked, 2)[:2] == [50, "holder"]
    assert browser.execute_script("return find.value") == "waiting for the GIL"
    assert browser.execute_script(clicked, 3)[:2] == [1, "waiter"]


def test_what_failed_is_seen_however_short_and_found(browser: Any, tmp_path: Path) -> None:
    trace = example()
    trace.slices = [Slice(2, at, at + 10, f"work, item {at}", "work", at == 5_000) for at in range(0, 9_000, 10)]
    opened(browser, trace, tmp_path)
    of = "const r = devicePixelRatio; return Array.from(pen.getImageData(Math.round(X(5000) * r) + 1, (D.lanes[2].items + 6) * r, 1, 1).data)"
    ink = browser.execute_script("return getComputedStyle(document.body).color")
    red, green, blue, _ = browser.execute_script(of)
    assert ink == f"rgb({red}, {green}, {blue})"
    browser.execute_script("document.querySelector('#legend [title=\"show failed\"]').click()")
    assert browser.execute_script("return [hits.length, hits[0].began]") == [1, 5_000]


def test_who_cannot_see_the_picture_has_its_figures(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    browser.find_element("css selector", "summary").click()
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
    rows = [row.text for row in browser.find_elements("css selector", "#figures tr")]
    assert rows[1] == "waiter 1.000 s waiting for a lock"


def test_paper_is_light(browser: Any, tmp_path: Path) -> None:
    """Also what a reader of dark pages prints, and the whole picture is on it."""
    opened(browser, tall(200), tmp_path)
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [dark]})
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return [dark(), high === D.height, skip]") == [False, True, 0]
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 30, 33)"
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script("return [dark(), high < D.height]") == [True, True]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [dark]})
    assert browser.execute_script("return getComputedStyle(document.body).color") == "rgb(28, 30, 33)"
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_short_names_keep_their_numbers(browser: Any, tmp_path: Path) -> None:
    opened(browser, example(), tmp_path)
    names = [
        [f"Thread-{at} (consumer)", f"ThreadPoolExecutor-0_{at}", f"process-{at} (pid 139{at})"] for at in (34, 35)
    ]
    first, second = browser.execute_script("return arguments[0].map(of => of.map(name => shortened(name, 110)))", names)
    assert all(one != other and "…" in one for one, other in zip(first, second, strict=True))


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
    drawn = "return [100000, 400000, 700000].map(t => pen.getImageData(Math.round(X(t) * devicePixelRatio), (D.rows[0].y + 5) * devicePixelRatio, 1, 1).data[3])"
    assert browser.execute_script(drawn) == [255] * 3
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
        size = {"width": 1000, "height": 410, "deviceScaleFactor": 2, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        browser.execute_async_script("requestAnimationFrame(() => { draw(); arguments[0](); })")
        browser.save_screenshot(str(PICTURES / "trace.png"))
