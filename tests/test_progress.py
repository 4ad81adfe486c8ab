"""Progress: what is counted, what is written where, and that neither a callback nor a terminal can hurt the work."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import re
import signal
import sys
import threading
import time
import types

import pytest

import plait
from plait._draw.columns import cells
from plait._engines.line_output import WholeLines
from plait._run import progress as progress_module
from plait._run.progress import CallbackMeter, Progress, closing_line, progress_line, start_meter
from plait._run.progress_bar import BarDisplay, BarStream, render_bar
from plait._run.progress_display import DisplayMeter, LineDisplay, choose_display
from plait._run.report import Report


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "plait-progress"] == []


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    hands = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress_module, "time", types.SimpleNamespace(perf_counter=lambda: hands.now))
    return hands


def finished(items: int, **more: object) -> Report:
    return Report("thread", 4, peak_workers=2, items=items, finished=True, seconds=2.0, why=["2 cores"], **more)


def fail_on_three(x: int) -> int:
    if x == 3:
        raise ValueError("three")
    return x


# --- callbacks


def test_a_callback_sees_the_beginning_and_the_end():
    seen: list[Progress] = []
    outcomes = list(plait.map(fail_on_three, range(10), engine="inline", progress=seen.append).outcomes())
    assert len(outcomes) == 10
    assert (seen[0].done, seen[0].total, seen[0].name) == (0, 10, "fail_on_three")
    assert (seen[-1].done, seen[-1].failed, seen[-1].total) == (10, 1, 10)


def test_a_callback_is_called_by_the_clock_and_not_by_the_batch(clock):
    seen: list[Progress] = []
    meter = CallbackMeter(seen.append, None, "f")
    meter.start()
    for done in range(100_000):
        clock.now += 0.00001
        meter.advance(done, 0)
    meter.finish(finished(100_000))
    assert 10 <= len(seen) <= 13
    assert seen[-1].per_second == pytest.approx(100_000, rel=0.01)


def test_a_callback_that_raises_is_reported_and_costs_no_result(caplog):
    calls = []

    def broken(progress: Progress) -> None:
        calls.append(progress)
        raise ZeroDivisionError("my callback")

    with caplog.at_level(logging.ERROR, "plait"):
        stream = plait.map(str, range(1000), engine="inline", progress=broken)
        assert list(stream) == [str(x) for x in range(1000)]
    assert len(calls) == 1
    assert len(caplog.records) == 1
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text
    assert "my callback" in str(stream.report)


def test_ctrl_c_in_a_callback_is_ctrl_c():
    def interrupted(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(plait.map(str, range(10), engine="inline", progress=interrupted))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # the map is over


def test_a_callback_may_cancel_the_map():
    streams = []
    stream = plait.map(
        str, iter(int, 1), engine="inline", progress=lambda progress: progress.done and streams[0].cancel()
    )
    streams.append(stream)
    for _ in stream.outcomes():
        pass
    assert stream.report.cancelled


@pytest.mark.parametrize("wrong", ["bar", 1, 0.5, [True]])
def test_anything_else_is_refused(wrong):
    with pytest.raises(plait.errors.UsageError, match="progress="):
        start_meter(wrong, None, "f")


# --- words


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(0, 0, 10, 0.0, "f"), "f: 0 of 10 (0 %), 0.00 s so far"),
        (Progress(5, 0, 10, 2.0, "f", 2.5), "f: 5 of 10 (50 %), 2.5/s, 2.0 s left"),
        (Progress(999, 0, 1000, 2.0, "f", 100.0), "f: 999 of 1,000 (99 %), 100/s, 0.01 s left"),
        (Progress(5, 1, None, 2.0, "f", 2.5), "f: 5 done, 1 failed, 2.5/s, 2.0 s so far"),
        (Progress(0, 0, 0, 0.0, "f"), "f: 0 of 0, 0.00 s so far"),
        (Progress(12, 0, 10, 0.0, "f", 1.0), "f: 12 of 10 (120 %), 1/s, 0.00 s left"),
    ],
)
def test_the_line(progress, line):
    assert progress_line(progress) == line


def test_the_closing_line_names_engine_workers_rate_and_reason():
    assert closing_line(finished(8, failed=1), "f") == (
        "f: 8 items, 1 failed in 2.0 s, 4/s (thread engine, 2 workers, 2 cores)"
    )
    stopped = Report("inline", 1, items=1, cancelled=True, seconds=0.5)
    assert closing_line(stopped, "f") == "f: stopped after 1 item in 0.50 s, 2/s (inline engine, 1 worker)"
    asked = Report("thread", 4, peak_workers=4, why=["workers=4 was asked for"], items=8, seconds=2.0, finished=True)
    assert closing_line(asked, "f") == "f: 8 items in 2.0 s, 4/s (thread engine, workers=4 was asked for)"  # said once


# --- plain lines


def test_lines_come_at_growing_distances():
    stream = io.StringIO()
    display = LineDisplay(stream)
    now, moments = 0.0, []
    while now < 1800:
        before = stream.tell()
        pause = display.show(Progress(1, 0, None, now, "f"))
        if stream.tell() != before:
            moments.append(now)
        now += pause
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert moments[0] == 5.0
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60.0
    assert len(moments) < 40


def test_without_a_terminal_a_short_map_writes_one_line(capsys):
    assert list(plait.map(str, range(5), engine="inline", progress=True)) == list("01234")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("str: 5 items in ")
    assert said.err.count("\n") == 1
    assert "inline engine, 1 worker" in said.err


def test_a_map_that_is_left_says_so(capsys):
    stream = plait.map(str, iter(int, 1), engine="inline", progress=True)
    with stream:
        next(stream)
    assert "str: stopped after" in capsys.readouterr().err


def test_a_map_that_never_began_says_nothing(capsys):
    with plait.map(str, range(5), engine="inline", progress=True):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file"), OSError(28, "full")])
def test_a_stream_that_cannot_be_written_to_does_no_harm(error, monkeypatch):
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    monkeypatch.setattr(sys, "stderr", Broken())
    assert list(plait.map(str, range(5), engine="inline", progress=True)) == list("01234")


def test_no_standard_error_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(plait.map(str, range(5), engine="inline", progress=True)) == list("01234")


def test_a_stuck_stream_does_not_hold_up_the_work():
    release = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            release.wait()
            return len(text)

    meter = DisplayMeter(lambda: LineDisplay(Stuck()), 5, "f")
    meter.start()
    meter.advance(5, 0)
    began = time.perf_counter()
    meter.finish(finished(5))
    assert time.perf_counter() - began < 5
    release.set()
    meter._thread.join()


def test_without_threads_the_work_goes_on(monkeypatch, caplog):
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with caplog.at_level(logging.WARNING, "plait"):
        assert list(plait.map(str, range(5), engine="inline", progress=True)) == list("01234")
    assert "can't start new thread" in caplog.text


# --- the bar


class Terminal(io.StringIO):
    """Says that it is a terminal, and can show what was on its last line."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def terminal(kind: str = "xterm"):
    """A terminal as both standard streams; not a fixture, because pytest sets the streams anew for each phase."""
    shown = Terminal()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(shown),
        contextlib.redirect_stderr(shown),
    ):
        patch.setenv("TERM", kind)
        patch.setenv("NO_COLOR", "1")
        yield shown


def on_screen(text: str) -> list[str]:
    """The lines a terminal shows after it has been sent the text."""
    lines = [""]
    for piece in text.replace("\x1b[K", "\x00").splitlines(keepends=True):
        for part in piece.split("\r"):
            if "\x00" in part:
                part = part.rpartition("\x00")[2]
                lines[-1] = ""
            lines[-1] += part.rstrip("\n")
        if piece.endswith("\n"):
            lines.append("")
    return lines


def test_prints_pass_above_the_bar():
    with terminal() as shown:
        display = choose_display(sys.stderr)
        assert isinstance(display, BarDisplay)
        display.open()
        display.show(Progress(1, 0, 4, 0.0, "f"))
        assert isinstance(sys.stdout, BarStream)
        print("hello")
        assert on_screen(shown.getvalue())[0] == "hello"
        assert "1 of 4" in on_screen(shown.getvalue())[1]
        print("half", end="")
        display.show(Progress(2, 0, 4, 0.0, "f"))
        assert on_screen(shown.getvalue())[1] == "half"
        print(" and half")
        display.show(Progress(3, 0, 4, 0.0, "f"))
        display.close(Progress(4, 0, 4, 1.0, "f"), finished(4))
        assert sys.stdout is shown
        assert on_screen(shown.getvalue()) == [
            "hello",
            "half and half",
            "f: 4 items in 2.0 s, 2/s (thread engine, 2 workers, 2 cores)",
            "",
        ]


def test_a_map_that_was_stopped_before_its_first_result_has_no_rate():
    report = Report(engine="thread", workers=2, peak_workers=2, seconds=3.0)
    assert closing_line(report, "f") == "f: stopped after 0 items in 3.0 s (thread engine, 2 workers)"


def test_a_second_bar_writes_lines_above_the_first():
    with terminal() as shown:
        first = choose_display(sys.stderr)
        first.open()
        first.show(Progress(1, 0, 4, 0.0, "first"))
        second = choose_display(sys.stderr)
        assert isinstance(second, LineDisplay)
        second.close(Progress(1, 0, 1, 0.0, "second"), finished(1))
        assert on_screen(shown.getvalue())[0].startswith("second: 1 item")
        assert "1 of 4" in on_screen(shown.getvalue())[1]
        first.close(Progress(4, 0, 4, 1.0, "first"), finished(4))
        assert isinstance(choose_display(sys.stderr), BarDisplay)


def a_log_passes_above(display, log, shown):
    display.open()
    display.show(Progress(1, 0, 4, 0.0, "f"))
    log.warning("careful")
    assert on_screen(shown.getvalue())[0] == "careful"
    assert "1 of 4" in on_screen(shown.getvalue())[1]


def test_a_log_whose_handler_was_there_before_passes_above_the_bar():
    with terminal() as shown:
        handler, log = logging.StreamHandler(sys.stderr), logging.getLogger("plait.test_progress")
        log.addHandler(handler)
        try:
            display = choose_display(sys.stderr)
            a_log_passes_above(display, log, shown)
            display.close(Progress(4, 0, 4, 1.0, "f"), finished(4))
            assert handler.stream is shown
        finally:
            log.removeHandler(handler)


def test_a_map_on_threads_that_runs_already_hides_neither_its_bar_nor_the_logs():
    with terminal() as shown:
        handler, log = logging.StreamHandler(sys.stderr), logging.getLogger("plait.test_progress")
        log.addHandler(handler)
        lines = WholeLines()  # as such a map has them
        try:
            display = choose_display(sys.stderr)
            a_log_passes_above(display, log, shown)
            more = WholeLines()
            assert isinstance(choose_display(sys.stderr), LineDisplay)
            more.end()
            display.close(Progress(4, 0, 4, 1.0, "f"), finished(4))
            assert handler.stream is shown
        finally:
            lines.end()
            log.removeHandler(handler)


def test_of_two_maps_that_were_made_before_either_began_one_has_the_bar():
    with terminal() as shown:
        meters = [start_meter(True, 4, name) for name in ("first", "second")]
        for meter in meters:
            meter.start()
        second, first = meters[1], meters[0]
        second.finish(finished(4))
        first.finish(finished(4))
        drawn = shown.getvalue()
    assert "second ━" not in drawn
    assert "second: 4 items" in drawn


def test_a_stream_that_was_replaced_while_the_bar_stood_stays_replaced():
    with terminal() as shown:
        display = choose_display(sys.stderr)
        display.open()
        display.show(Progress(1, 0, 4, 0.0, "f"))
        kept = sys.stdout
        sys.stdout = other = io.StringIO()
        display.close(Progress(4, 0, 4, 1.0, "f"), finished(4))
        assert sys.stdout is other
        assert sys.stderr is shown
        before = shown.getvalue()
        kept.write("late")
        assert shown.getvalue() == before + "late"


@pytest.mark.parametrize("width", [5, 20, 40, 60, 80, 100, 300])
@pytest.mark.parametrize("total", [None, 0, 1, 5000])
@pytest.mark.parametrize("name", ["count_words", "単語を数える"])
def test_the_bar_fits_on_one_line(name, width, total, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    line = re.sub(r"\x1b\[[\d;]*m", "", render_bar(Progress(1, 1, total, 3.0, name, 411.0), width))
    assert "\n" not in line
    assert cells(line) < width
    if width >= 80:
        assert "1 failed" in line
        assert "…" not in line


def test_a_terminal_without_letters_for_it_gets_ascii(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    line = render_bar(Progress(50, 0, 100, 3.0, "f", 4.0), 100, "ascii")
    assert "━" not in line


def test_a_dumb_terminal_gets_lines():
    with terminal("dumb"):
        assert isinstance(choose_display(sys.stderr), LineDisplay)


# --- notebooks


def test_a_notebook_gets_one_output_that_is_updated(monkeypatch):
    outputs: list[dict[str, str]] = []

    class Handle:
        def update(self, bundle: dict[str, str], raw: bool) -> None:
            assert raw
            outputs[-1] = bundle

    def display(bundle: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        outputs.append(bundle)
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    assert list(plait.map(str, range(5), engine="inline", progress=True)) == list("01234")
    assert len(outputs) == 1
    assert outputs[0]["text/plain"].startswith("str: 5 items in ")
    assert "str: 5 items" in outputs[0]["text/html"]


def test_ipython_in_a_terminal_is_a_terminal(monkeypatch):
    with terminal():
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace()))
        assert isinstance(choose_display(sys.stderr), BarDisplay)
