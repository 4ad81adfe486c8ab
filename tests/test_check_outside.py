"""What is outside our control never stops the checker: sockets, processes, locks of foreign threads, stubborn threads."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from textwrap import dedent

import pytest

from plait._check.border import Border
from plait._check.controlled import Controlled
from plait._check.explore import Result, explore_script


def explore(folder: Path, source: str, **options: object) -> Result:
    file = folder / "program.py"
    file.write_text(dedent(source))
    return explore_script(file, **{"runs": 10, "seconds": 20.0, **options})  # type: ignore[arg-type]


def told(result: Result) -> tuple[str, str]:
    failure = result.record.failure if result.record else None
    return result.verdict.word, failure.summary if failure else result.verdict.reason


def test_a_socket_pair_between_threads(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import socket, threading
        here, there = socket.socketpair()
        def echo():
            there.sendall(there.recv(100).upper())
        thread = threading.Thread(target=echo)
        thread.start()
        here.sendall(b"hello")
        assert here.recv(100) == b"HELLO"
        thread.join()
        here.close()
        there.close()
        """,
        runs=50,
    )
    assert told(result) == ("passed", "50 schedules, not a proof")
    assert any("socket.recv" in what and "program.py:5" in what for what in result.coverage.outside)


def test_a_thread_may_end_with_a_call_that_the_others_did_not_wait_for(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import ctypes, os, threading
        here, there = os.pipe()
        text = ctypes.create_string_buffer(1)
        lock, done = threading.Lock(), []
        def work(n):
            for turn in range(20):
                with lock:
                    done.append(n)
                if turn == 1:
                    os.write(there, b".")
        threads = [threading.Thread(target=ctypes.CDLL(None).read, args=(here, text, 1))]
        threads += [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(done) == 60
        os.close(here)
        os.close(there)
        """,
    )
    assert told(result) == ("passed", "10 schedules, not a proof")
    assert any("blocked" in what for what in result.coverage.outside)


def test_a_subprocess_takes_real_time(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import subprocess, sys, threading, queue
        results = queue.Queue()
        def run():
            done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, timeout=20)
            results.put(done.stdout)
        threading.Thread(target=run).start()
        assert results.get(timeout=10).strip() == b"42"
        """,
        runs=3,
    )
    assert told(result)[0] == "passed"


def test_a_raw_lock_of_a_foreign_thread(tmp_path: Path, nothing_left: None) -> None:
    blocked = (_blocked_outside(tmp_path, seconds) for seconds in (0.2, 2, 20))  # a busy machine may come too late
    assert any(blocked)


def _blocked_outside(tmp_path: Path, seconds: float) -> bool:
    """Whether a program was seen to wait for a lock that nobody under control has, and that is let go after `seconds`."""
    lock = threading.Lock()  # held by nobody under control, and not adopted
    threading.held_for_this_test = lock  # type: ignore[attr-defined]
    threading.boxed = [lock]  # type: ignore[attr-defined]
    try:
        lock.acquire()
        timer = threading.Timer(seconds, lock.release)
        timer.start()
        result = explore(
            tmp_path,
            """
            import threading
            lock = threading.boxed[0]
            with lock:
                pass
            """,
            runs=1,
        )
        timer.join()
        assert told(result)[0] == "passed"
        return any("blocked" in what for what in result.coverage.outside)
    finally:
        del threading.held_for_this_test, threading.boxed  # type: ignore[attr-defined]


def test_an_adopted_lock_of_a_foreign_thread(tmp_path: Path, nothing_left: None) -> None:
    import colorsys  # any module that is not the user's and was imported before

    lock = colorsys.adopted_in_this_test = threading.Lock()  # type: ignore[attr-defined]
    try:
        lock.acquire()
        timer = threading.Timer(0.1, lock.release)
        timer.start()
        source = """
            import colorsys
            with colorsys.adopted_in_this_test:
                pass
            """
        result = explore(tmp_path, source, runs=1)
        timer.join()
        assert told(result)[0] == "passed"
        assert type(colorsys.adopted_in_this_test) is type(lock)  # type: ignore[attr-defined]
    finally:
        del colorsys.adopted_in_this_test  # type: ignore[attr-defined]


def test_an_adopted_lock_is_free_afterwards(tmp_path: Path, nothing_left: None) -> None:
    import colorsys

    lock = colorsys.adopted_in_this_test = threading.RLock()  # type: ignore[attr-defined]
    try:
        source = """
            import colorsys, threading
            colorsys.adopted_in_this_test.acquire()
            threading.Event().wait()
            """
        assert told(explore(tmp_path, source))[0] == "failed"
        found: list[bool] = []
        thread = threading.Thread(target=lambda: found.append(lock.acquire(timeout=5)))
        thread.start()
        thread.join()
        assert found == [True], "a thread that is gone holds it"
    finally:
        del colorsys.adopted_in_this_test  # type: ignore[attr-defined]


def test_a_daemon_that_catches_everything_is_unwound(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import threading, time
        log = []
        def stubborn():
            for _ in range(20):
                try:
                    time.sleep(1000)
                except BaseException:
                    log.append(1)
        threading.Thread(target=stubborn, daemon=True).start()
        """
    assert told(explore(tmp_path, source))[0] == "passed"


def test_a_task_that_catches_everything_for_ever_is_put_to_rest(tmp_path: Path, soon_endless: None) -> None:
    main = threading.main_thread()
    result = explore(
        tmp_path,
        """
        import asyncio
        async def work():
            while True:
                try: await asyncio.sleep(1)
                except BaseException: pass
        async def main():
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
            task.cancel()
            await task
        asyncio.run(main())
        """,
        runs=1,
    )
    word, why = told(result)
    assert (word, why.partition(" steps")[0].rpartition(" ")[0]) == ("failed", "no end after")
    assert threading.main_thread() is main


def test_a_task_that_is_left_and_catches_everything_holds_nothing_up(tmp_path: Path) -> None:
    result = explore(
        tmp_path,
        """
        import asyncio
        async def work():
            while True:
                try: await asyncio.sleep(10)
                except BaseException: continue
        async def main():
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
        asyncio.new_event_loop().run_until_complete(main())
        """,
        runs=1,
    )
    verdict, said = told(result)
    assert verdict == "inconclusive"
    assert "would not end: Task-2 (work)" in said


def test_threads_are_unwound_through_their_finally(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import threading
        lock, never = threading.Lock(), threading.Event()
        def hold():
            with lock:
                try:
                    never.wait()
                finally:
                    lock.release()
                    lock.acquire()
        thread = threading.Thread(target=hold)
        thread.start()
        thread.join()
        """
    result = explore(tmp_path, source)
    assert told(result)[0] == "failed"
    assert result.coverage.left == ()


def test_daemons_pools_and_timers_end_with_the_program(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        done = []
        pool = ThreadPoolExecutor(2)
        pool.submit(lambda: (time.sleep(5), done.append("pool")))
        threading.Timer(10, lambda: done.append("timer")).start()
        def forever():
            while True:
                time.sleep(1)
        threading.Thread(target=forever, daemon=True).start()
        """
    result = explore(tmp_path, source, runs=500)
    assert told(result)[0] == "passed"


def test_an_exception_in_a_thread_is_a_failure(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import threading
        def broken():
            raise ValueError("no")
        threading.Thread(target=broken, name="worker").start()
        """
    assert told(explore(tmp_path, source)) == ("failed", "ValueError: no in worker")


def test_an_exit_status_is_a_failure(tmp_path: Path, nothing_left: None) -> None:
    assert told(explore(tmp_path, "import sys; sys.exit(3)")) == ("failed", "exit status 3")
    assert told(explore(tmp_path, "import sys; sys.exit(0)"))[0] == "passed"


def test_a_loop_that_asks_an_event_again_and_again(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import threading
        stop = threading.Event()
        def work():
            while not stop.is_set():
                pass
        thread = threading.Thread(target=work)
        thread.start()
        stop.set()
        thread.join()
        """
    assert told(explore(tmp_path, source, runs=40))[0] == "passed"


def test_thousands_of_executions_leave_nothing(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import threading
        threads = [threading.Thread(target=lambda: None) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    began = time.monotonic()
    result = explore(tmp_path, source, runs=2000)
    assert result.coverage.schedules == 2000 or time.monotonic() - began > 20
    assert threading.active_count() < 20


def test_who_comes_back_while_another_is_let_go_goes_on(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import os, threading
        import _multiprocessing
        locked = _multiprocessing.SemLock(1, 0, 1, f"/plait-{os.getpid()}-{threading.get_ident()}", True)
        there, here = os.pipe()
        def come_back():
            os.read(there, 1)
            locked.release()
        threading.Thread(target=come_back).start()
        os.write(here, b"x")
        locked.acquire()
        os.close(here)
        os.close(there)
        """,
        runs=8,
    )
    assert told(result)[0] == "passed"
    assert result.seconds < 8


def test_who_comes_back_as_the_baton_is_put_down_takes_it_up(
    tmp_path: Path, nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipes = os.pipe(), os.pipe()
    drop, real_sleep = Border._drop, time.sleep

    def late(self: Border, me: Controlled) -> bool:
        if self.away == 2 and not self.returned:
            for _, there in pipes:
                os.write(there, b"x")
            while not self.returned:
                real_sleep(0)
        return drop(self, me)

    monkeypatch.setattr(Border, "_drop", late)
    result = explore(
        tmp_path,
        f"""
        import os, threading
        thread = threading.Thread(target=os.read, args=({pipes[0][0]}, 1))
        thread.start()
        os.read({pipes[1][0]}, 1)
        thread.join()
        """,
        runs=3,
    )
    for end in (*pipes[0], *pipes[1]):
        os.close(end)
    assert told(result) == ("passed", "3 schedules, not a proof")
