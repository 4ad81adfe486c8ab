"""The search over whole scripts: what breaks is found, what is correct passes, and the canary is found first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import CodeType
from typing import Any

import pytest

from plait._check.explore import Result, explore_script
from plait._check.fair import Fair
from plait._check.performance import perform
from plait._check.programs.program import Program
from plait._check.record import Record
from plait._check.rewrite.module import rewrite
from plait._core.event import Event, Kind
from plait._schedulers.interface import ThreadState
from plait.errors import UsageError


def explore(folder: Path, source: str, **options: object) -> Result:
    file = folder / "program.py"
    file.write_text(dedent(source))
    found: Result = explore_script(file, **{"runs": 200, "seconds": 20.0, **options})  # type: ignore[arg-type]
    return found


LOSES = """
    import threading

    class Counter:
        def __init__(self):
            self.value = 0

        def bump(self):
            value = self.value
            self.value = value + 1

    counter = Counter()
    threads = [threading.Thread(target=counter.bump) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 2, f"counted {counter.value}"
"""


def test_a_lost_update_is_found(tmp_path: Path, nothing_left: None) -> None:
    result = explore(tmp_path, LOSES)
    assert result.verdict.word == "failed"
    assert result.record is not None
    failure = result.record.failure
    assert failure is not None
    assert (failure.kind, failure.thread) == ("exception", 0)
    assert failure.summary == "AssertionError: counted 1 in MainThread"
    assert failure.stack[-1].file == str(tmp_path / "program.py")
    assert failure.stack[-1].mine
    assert result.coverage.threads == 3


def test_its_fixed_twin_passes(tmp_path: Path, nothing_left: None) -> None:
    fixed = LOSES.replace("            value = self.value\n", "            with lock: self.value += 1\n")
    fixed = fixed.replace("            self.value = value + 1\n", "").replace(
        "import threading\n", "import threading\n    lock = threading.Lock()\n"
    )
    result = explore(tmp_path, fixed)
    assert result.verdict.word == "passed"
    assert result.verdict.reason == "200 schedules, not a proof"
    assert result.coverage.schedules == 200
    assert result.coverage.distinct > 50


def test_a_deadlock_is_found_with_its_cycle(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import threading
        one, other = threading.Lock(), threading.Lock()
        def f(first, second):
            with first:
                with second:
                    pass
        threads = [threading.Thread(target=f, args=args, name=args[0] is one and "up" or "down")
                   for args in ((one, other), (other, one))]
        for thread in threads:
            thread.start()
        """,
    )
    assert result.record is not None
    failure = result.record.failure
    assert failure is not None
    assert failure.kind == "deadlock"
    assert failure.summary == "deadlock: up waits for down waits for up"
    waiting = {blocked.thread: blocked for blocked in failure.blocked}
    assert waiting[1].holder == 2
    assert waiting[2].holder == 1
    assert [site.line for _, site in waiting[1].held if site] == [5]
    assert waiting[1].stack[-1].line == 6


def test_a_canary_that_is_not_found_means_not_checked(tmp_path: Path) -> None:
    def plain(source: str, file: str) -> CodeType:
        return compile(source, file, "exec")

    result = explore(tmp_path, "pass", rewrite=plain)
    assert result.verdict.word == "not checked"
    assert "built-in race" in result.verdict.reason
    assert result.verdict.exit_status == 3


def test_the_canary_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    performed: list[str] = []

    def noted(program: Program, *given: Any, **options: Any) -> Record:
        performed.append(program.name)
        return perform(program, *given, **options)

    monkeypatch.setattr("plait._check.explore.perform", noted)
    explore(tmp_path, LOSES, runs=1)
    assert performed == ["canary", str(tmp_path / "program.py")]


def test_a_file_that_cannot_be_rewritten_is_no_pass(tmp_path: Path) -> None:
    def fails(source: str, file: str) -> CodeType:
        if "<canary>" not in file:
            raise RuntimeError("cannot")
        return rewrite(source, file)

    result = explore(tmp_path, "pass", rewrite=fails)
    assert result.verdict.word == "not checked"


def test_an_unknown_scheduler_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'rotation'"):
        explore(tmp_path, "pass", scheduler="fair")


def test_a_long_program_is_not_an_endless_one(tmp_path: Path) -> None:
    counts = """
        import threading
        lock = threading.Lock()
        box = {"n": 0}
        def work():
            for _ in range(10_000_000):
                with lock:
                    box["n"] += 1
        thread = threading.Thread(target=work)
        thread.start()
        work()
        thread.join()
    """
    result = explore(tmp_path, counts, seconds=0.5)
    assert result.verdict.word == "inconclusive"
    said = r"00,000 steps, lately by (MainThread|Thread-1 \(work\)) in program.py, line \d+: .*does it end by itself\?"
    assert re.search(f"{said}|time was up", result.verdict.reason, re.DOTALL)


def test_looking_for_ever_is_a_failure(tmp_path: Path) -> None:
    spins = """
        import threading
        class Box:
            def __init__(self):
                self.ready = False
        box = Box()
        def work():
            while not box.ready:
                pass
        threading.Thread(target=work).start()
    """
    result = explore(tmp_path, spins, runs=1)
    assert result.verdict.word == "failed"
    assert result.record is not None
    assert result.record.failure is not None
    assert result.record.failure.kind == "steps"


def test_who_asks_again_and_again_for_what_a_sleeper_will_do_comes_to_an_end(
    tmp_path: Path, soon_endless: None
) -> None:
    waits = """
        import threading, time
        done = False
        def work():
            global done
            time.sleep(1)
            done = True
        thread = threading.Thread(target=work)
        thread.start()
        while not done:
            pass
        assert done
    """
    assert explore(tmp_path, waits, runs=1).verdict.word == "passed"


def test_all_threads_of_the_program_are_listed_and_no_others(tmp_path: Path) -> None:
    joins = """
        import threading
        done = []
        for n in range(2):
            threading.Thread(target=done.append, args=(n,)).start()
        me = threading.current_thread()
        for thread in threading.enumerate():
            if thread is not me:
                thread.join()
        assert len(done) == 2
        assert threading.enumerate() == [me]
        assert threading.active_count() == 1
    """
    assert explore(tmp_path, joins, runs=30).verdict.word == "passed"


def test_a_program_that_starts_nothing_is_tried_a_few_times_only(tmp_path: Path) -> None:
    assert explore(tmp_path, "assert True", runs=1000).coverage.schedules < 10


SLEEPER = """
    import threading, time
    ready = []
    def produce():
        for number in range(3):
            ready.append(number)
    def consume():
        time.sleep({seconds})
        assert len(ready) == 3
    threads = [threading.Thread(target=produce), threading.Thread(target=consume)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


@pytest.mark.parametrize(("seconds", "word"), [(0.1, "failed"), (5, "passed")])
def test_a_short_sleep_may_end_before_the_others_have_gone_on(tmp_path: Path, seconds: float, word: str) -> None:
    result = explore(tmp_path, SLEEPER.format(seconds=seconds), runs=100)
    assert result.verdict.word == word


TICKER = """
    import threading
    counts = {{"all": 0, "ticks": 0}}
    stop = threading.Event()
    def tick():
        while not stop.wait({seconds}):
            counts["ticks"] += 1
            counts["all"] = counts["all"] + 1
    thread = threading.Thread(target=tick)
    thread.start()
    for _ in range(3):
        counts["all"] = counts["all"] + 1
    stop.set()
    thread.join()
    assert counts["all"] == 3 + counts["ticks"]
"""


@pytest.mark.parametrize(("seconds", "word"), [(0.1, "failed"), (5, "passed")])
def test_so_may_a_short_wait(tmp_path: Path, seconds: float, word: str) -> None:
    result = explore(tmp_path, TICKER.format(seconds=seconds), runs=200)
    assert result.verdict.word == word


def test_a_join_that_does_not_wait(tmp_path: Path) -> None:
    source = """
        import threading
        done = []
        thread = threading.Thread(target=done.append, args=(1,))
        thread.start()
        thread.join(timeout=0)
        assert done
    """
    assert explore(tmp_path, source).verdict.word == "failed"


def test_sleeps_end_in_their_order(tmp_path: Path) -> None:
    source = """
        import threading, time
        woken = []
        def sleep(seconds):
            time.sleep(seconds)
            woken.append(time.monotonic())
        threads = [threading.Thread(target=sleep, args=(n / 10,)) for n in (2, 1)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert woken == sorted(woken)
    """
    assert explore(tmp_path, source, runs=100).verdict.word == "passed"


def test_the_main_thread_may_install_handlers_of_signals(tmp_path: Path) -> None:
    source = """
        import os, signal, threading
        got = []
        before = signal.signal(signal.SIGTERM, lambda number, frame: got.append(number))
        os.kill(os.getpid(), signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert got == [signal.SIGTERM] * 2
        signal.signal(signal.SIGTERM, before)
        assert signal.getsignal(signal.SIGTERM) is before
        def another():
            try:
                signal.signal(signal.SIGTERM, print)
            except ValueError:
                got.append("only the main thread may")
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
        assert len(got) == 3
    """
    assert explore(tmp_path, source, runs=5).verdict.word == "passed"


def test_every_execution_reads_what_was_typed_once(tmp_path: Path) -> None:
    starts = "import sys, threading\nthreading.Thread(target=print).start()\n"
    (tmp_path / "program.py").write_text(starts + "assert [input(), *sys.stdin] == ['1', '2\\n']\n")
    command = [sys.executable, "-m", "plait", "check", "--runs", "3", "program.py"]
    run = subprocess.run(command, input="1\n2\n", cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stdout.partition(",")[0]) == (0, "passed: 3 schedules")


def test_what_others_have_loaded_of_the_users_is_said(tmp_path: Path) -> None:
    (tmp_path / "hidden.py").write_text("n = 0\n")
    source = f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("hidden", {str(tmp_path / "hidden.py")!r})
        sys.modules["hidden"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    """
    verdict = explore(tmp_path, source, runs=2).verdict
    assert verdict.word == "inconclusive"
    assert "hidden.py (loaded by SourceFileLoader, not by check)" in verdict.reason


def test_what_is_registered_for_the_end_runs_at_the_end_of_each_execution(tmp_path: Path) -> None:
    source = """
        import atexit, threading
        done = []
        atexit.register(print, "never")
        atexit.unregister(print)
        atexit.register(lambda: print(done))
        threading.Thread(target=done.append, args=(1,)).start()
    """
    said: list[str] = []
    explore(tmp_path, source, runs=3, examine=lambda record: said.append(record.output))
    assert said == ["[1]\n"] * 2  # there is one order only


def test_the_users_getattr_is_not_asked_by_the_checker(tmp_path: Path) -> None:
    source = """
        class Proxy:
            __slots__ = ("inner",)
            kind = "proxy"
            def __getattr__(self, name):
                return getattr(self.kind, name)
        assert Proxy().upper() == "PROXY"
    """
    assert explore(tmp_path, source, runs=2).verdict.word == "passed"


SPINS = {
    "empty": "while q.empty(): pass",
    "qsize": "while q.qsize() < 3: pass",
    "is_alive": "while t.is_alive(): pass",
    "is_set": "while not e.is_set(): pass",
    "locked": "while lock.locked(): pass",
    "acquire": "while not lock.acquire(blocking=False): pass",
    "active_count": "while threading.active_count() > 1: pass",
    "done": "while not f.done(): pass",
    "a flag": "while not flag: pass",
    "drained": "while not drained.empty(): pass",
}


@pytest.mark.parametrize("scheduler", ["rotation", "surw", "bounded"])
@pytest.mark.parametrize("name", SPINS)
def test_who_spins_does_not_starve_whom_it_waits_for(name: str, scheduler: str, tmp_path: Path) -> None:
    source = f"""
        import concurrent.futures, queue, threading
        q, drained, e, flag, lock = queue.Queue(), queue.Queue(), threading.Event(), [], threading.Lock()
        f = concurrent.futures.Future()
        lock.acquire()
        for n in range(3): drained.put(n)
        def other():
            for n in range(3):
                q.put(n)
                drained.get()
            e.set()
            f.set_result(1)
            lock.release()
            flag.append(1)
        t = threading.Thread(target=other)
        t.start()
        {SPINS[name]}
        t.join()
    """
    longest = [0]

    def look(record: Record) -> None:
        longest[0] = max(longest[0], len(record.events))

    result = explore(tmp_path, source, runs=12, seconds=None, scheduler=scheduler, examine=look)
    assert result.verdict.word == "passed"
    assert longest[0] < 40_000  # the limit, after which all have their share, is at 100,000


def test_the_fair_choice_gives_everybody_a_share_whatever_the_number_of_events_at_a_choice() -> None:
    events: list[Event] = []
    fair = Fair(events)
    threads = [ThreadState(0, "one"), ThreadState(1, "other")]
    running: ThreadState | None = None
    seen = set()
    events += [Event(0, Kind.ENTER, -1, "", None)]
    for _ in range(200):
        running = fair.choose(threads, running, threads)
        seen.add(running.number)
        events += [Event(running.number, Kind.ENTER, -1, "", None)] * 2  # so that it is always an odd one
    assert seen == {0, 1}


def test_an_execution_that_takes_too_long_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: None
) -> None:
    monkeypatch.setattr("plait._check.watchdog._GRACE", 0.1)
    source = """
        import threading
        done = []
        def compute():
            for _ in range(100_000):
                done.append(sum(range(100_000)))
        threads = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads:
            thread.start()
        """
    result = explore(tmp_path, source, seconds=0.1)
    assert result.verdict.word == "inconclusive"
    assert "time was up before the first execution had ended" in result.verdict.reason


STANDS = """
import os, sys
from plait._check import verdict, watchdog
from plait._check.explore import explore_script
watchdog._NOTICED, watchdog._GRACE, verdict._TICK = 0.1, 0.4, 0.01
print(explore_script(sys.argv[1], seconds=1.0).verdict, flush=True)
os._exit(0)  # its threads cannot be ended
"""
READ = """
import socket, threading
asked = socket.socket(type=socket.SOCK_DGRAM); asked.bind(("127.0.0.1", 0))
def asks():
    asked.recv(10)
threads = [threading.Thread(target=asks) for _ in range(2)]
for thread in threads:
    thread.start()
"""
COPIED = """
import threading
class Worker:
    stop = False
    def run(self):
        stop = self.stop
        while not stop:
            pass
worker = Worker()
thread = threading.Thread(target=worker.run)
thread.start()
worker.stop = True
thread.join()
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            READ,
            (
                r"before the first execution had ended: for \d+ s everything waited for calls outside our control: Thread-1 "
                r"\(asks\) at program.py:5 and Thread-2 \(asks\) at program.py:5; if it hangs without check, too, `plait why` "
                "says what it waits for"
            ),
        ),
        (
            COPIED,
            (
                r"one execution had not ended when the time was up: Thread-1 \(run\) has been running for \d+ s without a step "
                "at program.py:[78]; give it more seconds"
            ),
        ),
    ],
    ids=["all wait for what anybody may send", "a loop whose condition it has copied"],
)
def test_what_stands_still_when_the_time_is_up_is_named(tmp_path: Path, source: str, said: str) -> None:
    file = tmp_path / "program.py"
    file.write_text(source)
    command = [sys.executable, "-c", STANDS, str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "Verdict(word='inconclusive'" in result.stdout
    assert re.search(said, result.stdout)


@pytest.mark.parametrize("end", ["", "sys.stdout.close()", "sys.stdout.detach().close()"])
def test_standard_output_takes_bytes_and_has_an_encoding(tmp_path: Path, end: str) -> None:
    source = f"""
        import sys, threading
        threading.Thread(target=sys.stdout.write, args=("text ",)).start()
        threading.main_thread()
        assert sys.stdout.encoding and sys.stderr.isatty() is False
        print("line", flush=True)
        sys.stdout.buffer.write(b"bytes ")
        [thread.join() for thread in threading.enumerate() if thread is not threading.main_thread()]
        {end}
        """
    said: list[str] = []
    result = explore(tmp_path, source, runs=2, examine=lambda record: said.append(record.output))
    assert result.verdict.word == "passed"
    assert {"".join(sorted(one)) for one in said} == {"".join(sorted("text line\nbytes "))}
