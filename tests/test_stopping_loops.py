"""An event loop in a thread that is stopped: wherever the exception may arrive, the loop ends and is closed."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from plait._core.errors import StopTask
from plait._engines.halting import in_loop_machinery

pytestmark = [
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.skipif(sys.gettrace() is not None, reason="a debugger or a coverage tool is tracing"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

PATIENCE = 60.0


async def child(number: int) -> int:
    await asyncio.sleep(0.0001 * number)
    return number


async def main() -> None:
    ready = asyncio.Event()
    children = [asyncio.create_task(child(number)) for number in range(3)]
    await asyncio.gather(*children)
    ready.set()
    await ready.wait()
    async with asyncio.timeout(10):
        await asyncio.to_thread(int)


class Injected:
    """Runs a loop in a thread and raises StopTask there, before one of the lines in which it may be raised."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = 0
        self.refused = 0
        self.where = ""
        self.stopped = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def run(self) -> None:
        gc.disable()  # a callback of the collector is no code of the loop
        try:
            self.thread.start()
            self.thread.join(PATIENCE)
        finally:
            gc.enable()
        assert not self.thread.is_alive(), f"the loop hangs after StopTask at {self.where}"

    def _run(self) -> None:
        sys.settrace(self._trace)
        try:
            asyncio.run(main())
        except (StopTask, RuntimeError) as error:  # the latter from a loop that was stopped while it shut down
            self.stopped = isinstance(error, StopTask)
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is Injected._run.__code__ or event != "line":
            return self._trace
        if in_loop_machinery(frame):
            self.refused += 1
            return self._trace
        self.lines += 1
        if self.lines == self.number:
            sys.settrace(None)
            self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            raise StopTask("told to stop")
        return self._trace


def test_a_loop_ends_wherever_it_is_stopped() -> None:
    whole = Injected(0)
    whole.run()
    assert whole.refused > 100
    assert whole.lines > 20
    stopped = 0
    for number in range(1, whole.lines + 1):
        one = Injected(number)
        one.run()
        stopped += one.stopped
    assert stopped > 10
