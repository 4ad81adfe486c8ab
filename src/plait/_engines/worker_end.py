"""The end of a remote worker that holds instances of ``per_worker`` functions; see `parting` for the other side."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the C module: signal.py would import enum
import _thread
import os
import sys
import time
from _collections_abc import Callable
from _pickle import dumps

from plait._core.current import StopTask
from plait._core.worker_state import TEAR_DOWN_SECONDS, Mishap
from plait._engines import wire
from plait._engines.remote import describe

TYPE_CHECKING = False
if TYPE_CHECKING:  # the worker is what imports this module
    from plait._engines.worker import Worker


def expect_interrupt(wanted: Callable[[], bool]) -> None:
    """From now on SIGINT raises StopTask in the running function while `wanted`, and does nothing otherwise."""

    def interrupt(*_: object) -> None:
        if wanted():
            raise StopTask("the work is being stopped")

    try:
        signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # a thread that the function has started: its item is given time, and then killed
        return


def tear_down(worker: Worker) -> None:
    """Tear down what the worker holds, in bounded time, and tell the driver when that is done."""
    if worker.owns_process:
        _thread.start_new_thread(_end_in_time, (worker,))
    worker.end_state(lambda mishap: _report(worker, mishap))
    _say_goodbye(worker)


def _end_in_time(worker: Worker) -> None:
    """End the process when the tear-down takes too long."""
    time.sleep(TEAR_DOWN_SECONDS)
    name = worker.state.ending
    text = f"the tear-down of {name} on {worker.worker} took longer than {TEAR_DOWN_SECONDS:g} s; the process was ended"
    _report(worker, Mishap(text, None))
    _say_goodbye(worker)
    os._exit(0)


def _report(worker: Worker, mishap: Mishap) -> None:
    description = None if mishap.error is None else describe(mishap.error)
    worker.send(wire.MISHAP, 0, dumps((mishap.text, description), 5))


def _say_goodbye(worker: Worker) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110  closed, missing or broken: prints to it fail with their own error
            pass
    worker.send(wire.ENDED, 0, b"")
