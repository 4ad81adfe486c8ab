"""Ctrl-C at every line of a map's driver: no value is lost, none comes twice, and the map stops."""

from __future__ import annotations

import gc
import linecache
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

import plait
from plait._core import interrupts
from plait._core.cancelling import current_block
from plait._core.notes import notes_of
from plait._engines import links

ENGINES = ["inline", "thread", "process"]
ITEMS = 40
TRIALS = int(os.environ.get("PLAIT_INTERRUPTS", "12"))  # lines of the driver, spread over the run

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or a coverage tool is tracing"),
]


def double(x: int) -> int:
    return 2 * x


async def double_async(x: int) -> int:
    return 2 * x


class Pressed:
    """Presses Ctrl-C before the line with a certain number, of those that the main thread runs in plait's code.

    It is pressed `times` times, and, if it was held back, once more `again` lines later.
    """

    def __init__(self, number: int, times: int = 1, again: int = 0) -> None:
        self.number = number
        self.times = times
        self.again = again
        self.lines = 0
        self.where = ""
        self._before: dict[int, int] = {}  # by the id of the frame, which would be kept alive

    def __enter__(self) -> Pressed:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith(("plait._run", "plait._engines", "plait._core")) or name == interrupts.__name__:
            return None
        if event == "line" and self._counts(frame) and not _only_yields(frame) and not self._leaves_a_block(frame):
            self.lines += 1
            if self.lines == self.number + self.again:
                sys.settrace(None)
            if self.lines in (self.number, self.number + self.again):
                self.where = f"{name}:{frame.f_lineno}"
                for _time in range(self.times):
                    signal.raise_signal(signal.SIGINT)
        return self._trace

    def _counts(self, frame: FrameType) -> bool:
        """Whether a line there is one of those: what a destructor raises, Python cannot pass on."""
        return frame.f_code.co_name != "__del__"

    def _leaves_a_block(self, frame: FrameType) -> bool:
        """Whether the line is a ``with`` at its end: what it calls there it has called when Python looks for signals."""
        line, before = frame.f_lineno, self._before.get(id(frame), 0)
        self._before[id(frame)] = line
        text = linecache.getline(frame.f_code.co_filename, line)
        return before > line and text.lstrip().startswith("with ")


def _only_yields(frame: FrameType) -> bool:
    """Whether the line gives a variable. Python looks for signals at calls and jumps: none comes right before it."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return re.fullmatch(r"(yield|return) \w+", line) is not None


Way = Callable[[plait.Stream[int]], Iterable[int]]


def as_values(stream: plait.Stream[int]) -> Iterable[int]:
    return stream


def as_outcomes(stream: plait.Stream[int]) -> Iterator[int]:
    for outcome in stream.outcomes():
        assert outcome.value is not None
        yield outcome.value


def run(engine: Any, way: Way, number: int, order: str) -> tuple[Pressed, bool, list[int], list[plait.Outcome[int]]]:
    """Whether Ctrl-C was raised, what had been seen then, and what there was afterwards."""
    stream = plait.map(double, iter(range(ITEMS)), engine=engine, workers=2, order=order)
    seen: list[int] = []
    raised = False
    with Pressed(number) as pressed:
        try:
            for value in way(stream):
                seen.append(value)
        except KeyboardInterrupt:
            raised = True
        finally:
            sys.settrace(None)
    rest = list(stream.outcomes()) if raised else []
    return pressed, raised, seen, rest


@pytest.mark.parametrize("order", ["input", "completion"])
@pytest.mark.parametrize("way", [as_values, as_outcomes])
@pytest.mark.parametrize("name", ENGINES)
def test_ctrl_c_at_any_line_of_the_driver(name: str, way: Way, order: str) -> None:
    engine = plait.engines.make_engine(name)
    try:
        whole, raised, seen, _ = run(engine, way, 0, order)
        assert not raised
        assert sorted(seen) == [double(x) for x in range(ITEMS)]
        assert whole.lines > TRIALS
        for trial in range(TRIALS):
            number = 1 + trial * whole.lines // TRIALS
            pressed, raised, seen, rest = run(engine, way, number, order)
            if not pressed.where:  # the run was shorter this time
                continue
            assert raised, f"Ctrl-C at {pressed.where} was lost"
            known = seen + [one.value for one in rest if one.value is not None]
            assert len(set(known)) == len(known), f"Ctrl-C at {pressed.where}: a value came twice: {sorted(known)}"
            assert {one.index for one in rest}.isdisjoint({value // 2 for value in seen})
            assert all(one.ok or isinstance(one.error, plait.errors.Cancelled) for one in rest)
            started = sorted({value // 2 for value in seen} | {one.index for one in rest})
            assert started == list(range(len(started))), f"Ctrl-C at {pressed.where}: something is missing"
    finally:
        engine.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings("ignore:plait.map")  # that was never iterated, if it comes so early
@pytest.mark.parametrize("again", [1, 20, 60, 120, 200, 260, 320, 400, 500])
@pytest.mark.parametrize("name", ["thread", "process", "async"])
def test_ctrl_c_pressed_twice_leaves_nothing_behind(name: str, again: int) -> None:
    def run_map(number: int) -> tuple[Pressed, bool]:
        with Pressed(number, again=again) as pressed:
            try:
                fn: Callable[[int], Any] = double_async if name == "async" else double
                for _ in plait.map(fn, iter(range(ITEMS)), engine=name, workers=2):
                    pass
            except KeyboardInterrupt:
                return pressed, True
            finally:
                sys.settrace(None)
        return pressed, False

    whole, _ = run_map(0)
    for trial in range(TRIALS):
        pressed, raised = run_map(1 + trial * whole.lines // TRIALS)
        assert raised or not pressed.where, f"Ctrl-C at {pressed.where} was lost"


@pytest.mark.skipif(sys.platform == "win32", reason="links are sockets there")
def test_a_link_whose_end_was_interrupted_closes_no_descriptor_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes when a call has ended. The number may be somebody else's by the second time."""
    ends = [*os.pipe(), *os.pipe(), *os.pipe()]
    link = links.PipeLink(ends[1], ends[2], ends[5])
    closed: list[int] = []

    def close(fd: int) -> None:
        closed.append(fd)
        os.close(fd)
        if len(closed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(links, "os", SimpleNamespace(close=close))
    with pytest.raises(KeyboardInterrupt):
        link.kill()
    link.close(kill=True)
    assert sorted(closed) == sorted([ends[1], ends[2], ends[5]])
    for end in set(ends) - set(closed):
        os.close(end)


@pytest.mark.parametrize("caught", [False, True])
def test_ctrl_c_at_any_line_of_a_scope_loses_no_task(caught: bool) -> None:
    def run_scope(number: int) -> tuple[Pressed, bool]:
        raised = False
        with Pressed(number) as pressed:
            try:
                with plait.scope("thread", workers=2) as s:
                    try:
                        tasks = [s.submit(double, x) for x in range(3)]
                        tasks[0].result()
                    except (KeyboardInterrupt, plait.errors.StopTask):
                        raised = True
                        if not caught:
                            raise
            except KeyboardInterrupt as interrupt:
                raised = True
                assert not any("task double(" in note for note in notes_of(interrupt)), pressed.where
            finally:
                sys.settrace(None)
        return pressed, raised

    before = current_block.get()
    whole, _ = run_scope(0)
    for number in range(1, whole.lines, 3):
        pressed, raised = run_scope(number)
        assert raised or not pressed.where, f"Ctrl-C at {pressed.where} was lost"
        assert current_block.get() is before, pressed.where


class PressedBetween(Pressed):
    """Presses Ctrl-C before a line of those between a run that has begun and the chain that hands its values out."""

    def _counts(self, frame: FrameType) -> bool:
        between = frame.f_globals.get("__name__", "") == "plait._run.stream" and frame.f_code.co_name == "__next__"
        return between and frame.f_locals["self"]._run.started


def wait_from_the_third_on(x: int) -> int:
    while x > 2 and not plait.current().cancelled:
        time.sleep(0.001)
    return x


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("way", [as_values, as_outcomes])
def test_ctrl_c_between_the_run_and_its_consumer_says_what_was_running(way: Way, times: int) -> None:
    for number in range(1, 7):  # as many there are before it waits for the fourth item
        with PressedBetween(number, times) as pressed, pytest.raises(KeyboardInterrupt) as caught:
            for _ in way(plait.map(wait_from_the_third_on, range(10), engine="thread", workers=2)):
                pass
        (note,) = caught.value.__notes__
        assert note.startswith("plait: stopped after"), pressed.where
        assert pressed.where


def test_ctrl_c_in_the_body_of_the_loop_stops_the_map() -> None:
    stream = plait.map(double, range(1_000_000), engine="thread")
    seen = []
    with pytest.raises(KeyboardInterrupt) as caught:
        for value in stream:
            seen.append(value)
            if value == 200:
                signal.raise_signal(signal.SIGINT)
    rest = list(stream.outcomes())
    assert "stopped after" in "\n".join(caught.value.__notes__)
    assert len(seen) + len(rest) < 1_000_000
    ended = [*seen, *(one.value for one in rest if one.ok)]
    assert ended == [double(x) for x in range(len(ended))]
    assert all(isinstance(one.error, plait.errors.Cancelled) for one in rest if not one.ok)  # of a batch that was cut


def test_ctrl_c_in_the_body_says_how_far_the_map_was_that_it_ends() -> None:
    other = iter(plait.map(double, range(10_000), engine="thread"))
    next(other)
    with pytest.raises(KeyboardInterrupt) as caught:
        for value in plait.map(double, range(1_000_000), engine="thread"):
            if value == 200:
                signal.raise_signal(signal.SIGINT)
    (note,) = caught.value.__notes__
    assert note.startswith("plait: stopped after")
    assert next(other) == 2
    del other


def test_a_body_that_handles_ctrl_c_goes_on() -> None:
    total = 0
    for value in plait.map(double, range(1000), engine="thread"):
        try:
            if value == 200:
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            pass
        total += value
    assert total == 999_000


def test_another_handler_is_left_alone() -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        for value in plait.map(double, range(100), engine="thread"):
            if value == 20:
                signal.raise_signal(signal.SIGINT)
        assert heard == [1]
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_stays_while_any_map_is_open() -> None:
    outer = iter(plait.map(double, range(10_000), engine="thread"))
    next(outer)
    assert list(plait.map(double, range(3), engine="inline")) == [0, 2, 4]
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    del outer
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("engine", ["thread", "process"])
def test_a_map_that_was_left_by_an_interrupt_ends_although_the_program_goes_on(engine: str) -> None:
    """The interrupt's traceback has the function whose variable the stream is: nobody else may keep both of them."""

    def leave_by_an_interrupt() -> None:
        stream = plait.map(double, iter(range(10**9)), engine=engine, workers=2)
        for _ in stream:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        leave_by_an_interrupt()
    gc.collect()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_reaches_a_function_that_runs_inline_at_once() -> None:
    def work(x: int) -> int:
        if x == 3:
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the function went on")
        return x

    stream = plait.map(work, range(10), engine="inline")
    with pytest.raises(KeyboardInterrupt) as caught:
        list(stream)
    assert "item 3" in "\n".join(caught.value.__notes__)


def test_an_interrupt_reaches_the_input_at_once() -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the input went on")

    stream = plait.map(double, numbers(), engine="thread")
    with pytest.raises(KeyboardInterrupt):
        list(stream)
