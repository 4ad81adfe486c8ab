"""Signals that a program sends to itself: handlers run in the main thread, also while it waits, and nowhere else."""

from __future__ import annotations

import signal
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check.explore import Result, explore_script

BEGIN = """
import _thread
import asyncio
import os
import signal
import threading
import time

got = []
usr1, usr2 = signal.SIGUSR1, signal.SIGUSR2

def note(number, frame):
    got.append((threading.current_thread().name, number))
    assert frame.f_code.co_filename == __file__

def interrupt(number, frame):
    raise KeyError(number)

def send(number=usr1, main=threading.get_ident()):
    for sending in (
        lambda: os.kill(os.getpid(), number),
        lambda: signal.raise_signal(number),
        lambda: signal.pthread_kill(main, number),
        lambda: _thread.interrupt_main(number),
    )[:sends]:
        sending()

sends = 1
"""
RIGHT = {
    "the main thread calls it": """
        signal.signal(usr1, note)
        sends = 4
        other = threading.Thread(target=send)
        other.start()
        other.join()
        assert 1 <= len(got) <= 4
        assert set(got) == {("MainThread", usr1)}
    """,
    "at once when it sends": """
        signal.signal(usr1, note)
        sends = 4
        send()
        assert got == [("MainThread", usr1)] * 4
    """,
    "while it waits, and the wait goes on": """
        lock, event = threading.Lock(), threading.Event()
        signal.signal(usr1, note)
        def other():
            with lock:
                inside.set()
                send()
                while not got:
                    time.sleep(1.0)
            event.set()
        inside = threading.Event()
        threading.Thread(target=other).start()
        inside.wait()
        with lock:
            assert got == [("MainThread", usr1)]
        assert event.wait()
    """,
    "the time of a wait is not prolonged": """
        signal.signal(usr1, note)
        began = time.monotonic()
        other = threading.Timer(1.0, send)
        other.start()
        time.sleep(3.0)
        assert 3.0 <= time.monotonic() - began < 3.1
        assert len(got) == 1
        assert not threading.Event().wait(0.5)
        assert 3.5 <= time.monotonic() - began < 3.7
    """,
    "its exception ends the wait": """
        signal.signal(usr1, interrupt)
        lock = threading.Lock()
        lock.acquire()
        other = threading.Thread(target=send)
        other.start()
        try:
            lock.acquire()
        except KeyError:
            got.append("interrupted")
        assert got == ["interrupted"]
        assert lock.locked()
        other.join()
    """,
    "Ctrl-C": """
        other = threading.Thread(target=send, args=(signal.SIGINT,))
        try:
            other.start()
            threading.Event().wait()
        except KeyboardInterrupt:
            got.append("interrupted")
        other.join()
        assert got == ["interrupted"]
    """,
    "while an event loop waits": """
        async def main():
            threading.Thread(target=send).start()
            await asyncio.sleep(1.0)
        signal.signal(usr1, note)
        asyncio.run(main())
        assert got == [("MainThread", usr1)]
    """,
    "in a coroutine": """
        async def main():
            done = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(usr2, done.set)
            threading.Thread(target=send, args=(usr2,)).start()
            await done.wait()
            assert asyncio.get_running_loop().remove_signal_handler(usr2)
            assert not asyncio.get_running_loop().remove_signal_handler(usr2)
        asyncio.run(main())
        assert signal.getsignal(usr2) == signal.SIG_DFL
    """,
    "who is ignored": """
        signal.signal(usr1, signal.SIG_IGN)
        sends = 4
        threading.Thread(target=send).start()
        send()
    """,
}


def explore(folder: Path, text: str, runs: int) -> Result:
    (folder / "program.py").write_text(BEGIN + dedent(text))
    return explore_script(folder / "program.py", runs=runs, seconds=None)


@pytest.mark.parametrize("name", RIGHT)
def test_handlers_run_in_the_main_thread(name: str, tmp_path: Path) -> None:
    found = explore(tmp_path, RIGHT[name], 60)
    assert found.verdict.word == "passed", found.record and found.record.failure


def test_a_handler_that_takes_what_the_main_thread_has_waits_for_itself(tmp_path: Path) -> None:
    text = """
        lock = threading.Lock()
        def reload(number, frame):
            with lock:
                pass
        signal.signal(usr1, reload)
        other = threading.Thread(target=send)
        other.start()
        with lock:
            got.append("holds it")
        other.join()
    """
    found = explore(tmp_path, text, 200)
    assert found.record is not None
    assert found.record.failure is not None
    assert found.record.failure.summary == "deadlock: MainThread waits for MainThread"
    safe = explore(tmp_path, text.replace("threading.Lock()", "threading.RLock()"), 200)
    assert safe.verdict.word == "passed"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such clock")
@pytest.mark.parametrize("call", ["signal.alarm(1)", "signal.setitimer(signal.ITIMER_REAL, 0.01)"])
def test_a_signal_of_the_clock_never_comes(call: str, tmp_path: Path) -> None:
    """It would end the process: the handler is one of the program, which the system does not know."""
    found = explore(tmp_path, f"signal.alarm(0)\nsignal.signal(signal.SIGALRM, note)\n{call}\ntime.sleep(5)", 5)
    assert found.verdict.word == "inconclusive"
    assert call.partition("(")[0] in found.verdict.reason
