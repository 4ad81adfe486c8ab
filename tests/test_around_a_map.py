"""A map among what a program does: millions of items, maps in maps, Ctrl-C, a fork, the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from marked import Marked
from nested import inner

import plait

ENGINES = ["inline", "thread", "process"]
LONG = 60.0  # seconds after which a program that should have ended has failed

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def run(script: str, *arguments: str, folder: Path) -> tuple[str, str, int]:
    """Output, errors and exit status of a program, of which nothing is left."""
    program = Marked(script, *arguments, folder=folder)
    try:
        output, errors = program.process.communicate(timeout=LONG)
    finally:
        program.process.kill()
    assert not program.left()
    return output, errors, program.process.returncode


# --- its input


def numbers(ended: list[bool]) -> Iterator[int]:
    """All of them; says when it has ended."""
    try:
        yield from itertools.count()
    finally:
        ended.append(True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_input_of_a_loop_that_is_left_ends_as_that_of_a_plain_loop(engine: str) -> None:
    """Its ``finally`` blocks run when the map is let go of, not at some later collection of garbage."""
    ended: list[bool] = []
    gc.disable()
    try:
        for _ in plait.map(abs, numbers(ended), engine=engine, workers=1):
            break
        assert ended == [True]
    finally:
        gc.enable()


@pytest.mark.parametrize("engine", ["async", "thread"])
@pytest.mark.parametrize("sync", [True, False])
def test_the_input_of_a_map_that_was_left_ends_although_its_workers_refer_to_it(engine: str, sync: bool) -> None:
    ended: list[bool] = []

    async def same(n: int) -> int:
        return n

    def stream() -> plait.Stream[object]:
        return plait.map(same if engine == "async" else abs, numbers(ended), engine=engine, workers=1)

    async def iterate() -> None:
        async for _ in stream():
            break

    gc.disable()
    try:
        if sync:
            for _ in stream():
                break
        else:
            asyncio.run(iterate())
        assert ended == [True]
    finally:
        gc.enable()


# --- many items

MANY = """
import sys, plait

def memory():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

total = 0
for count, value in enumerate(plait.map(abs, iter(range(int(sys.argv[2]))), engine=sys.argv[1], workers=2)):
    total += value
    if count == 1_000_000:
        before = memory()
print(count + 1, total, (memory() - before) // 1024)
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_millions_of_items_in_constant_memory(engine: str, tmp_path: Path) -> None:
    items = 3_000_000
    output, errors, status = run(MANY, engine, str(items), folder=tmp_path)
    assert (errors, status) == ("", 0)
    count, total, grown = map(int, output.split())
    assert (count, total) == (items, items * (items - 1) // 2)
    assert grown < 4e-6 * items, f"{grown} MiB more at the end than after the first million"


# --- maps in maps


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("innermost", ENGINES)
@pytest.mark.parametrize("outermost", ENGINES)
def test_a_map_in_a_map_in_a_map(outermost: str, innermost: str) -> None:
    middle = ENGINES[(ENGINES.index(outermost) + ENGINES.index(innermost)) % 3]  # each pair of neighbours occurs
    expected = sum(c for a in range(4) for b in range(a) for c in range(b))
    assert inner(([outermost, middle, innermost], 4)) == expected


# --- Ctrl-C

INTERRUPTED = """
import json, sys, time, traceback, plait

def rest(seconds):  # at its beginning CPython 3.14 looks for signals, which after a print and before a sleep it does not
    time.sleep(seconds)

def work(x):
    if x < 3:
        return x
    print("running", x, flush=True)
    while True:
        DEED

def main():
    stream = plait.map(work, [0, 1, 2, 3], engine=sys.argv[1], workers=1)  # in turn
    seen = []
    try:
        for value in stream:
            seen.append(value)
    except KeyboardInterrupt as error:
        began = time.monotonic()
        rest = [(one.index, one.value if one.ok else type(one.error).__name__) for one in stream.outcomes()]
        ours = [one for one in traceback.extract_tb(error.__traceback__) if "/plait/_" in one.filename]
        print(json.dumps({"seen": seen, "rest": rest, "notes": error.__notes__, "ours": [f"{one.filename}:{one.lineno}" for one in ours]}), flush=True)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("deed", ["pass", "rest(0.001)", "rest(3600)"], ids=["computes", "naps", "sleeps"])
@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_keeps_what_was_computed_and_says_what_was_running(engine: str, deed: str, tmp_path: Path) -> None:
    program = Marked(INTERRUPTED.replace("DEED", deed), engine, folder=tmp_path)
    assert program.process.stdout is not None
    assert program.process.stdout.readline() == "running 3\n"
    os.killpg(program.process.pid, signal.SIGINT)  # as a terminal does: the program, and what it has started
    pressed = time.monotonic()
    output, errors = program.process.communicate(timeout=LONG)
    assert time.monotonic() - pressed < 5
    said = json.loads(output)
    got = said["seen"] + [value for _, value in said["rest"]]
    assert got == [0, 1, 2, "Cancelled"]
    notes = "\n".join(said["notes"])
    assert "item 3" in notes
    assert len(notes.splitlines()) <= 5
    ours = said["ours"]  # the loop's next value, and for an item in this thread the handler of the signal
    assert len(ours) <= 2, ours
    assert program.process.returncode == 0
    if engine != "thread" or deed != "rest(3600)":  # that thread cannot be stopped, and is named in a warning
        assert errors == ""
    assert not program.left()


# --- a working folder that is gone

NOWHERE = """
import os, sys, tempfile, plait

async def absolute(x):
    return abs(x)

def main(engine):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)
    sys.path[0] = ""
    print(list(plait.map(absolute if engine == "async" else abs, [-1, -2], engine=engine)))

if __name__ == "__main__":
    main(sys.argv[1])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that is in use cannot be deleted here")
@pytest.mark.parametrize("engine", ["async", *ENGINES])
def test_a_map_in_a_folder_that_was_deleted(engine: str, tmp_path: Path) -> None:
    assert run(NOWHERE, engine, folder=tmp_path) == ("[1, 2]\n", "", 0)


# --- a fork

FORKED = """
import os, sys, warnings, plait
warnings.simplefilter("ignore", DeprecationWarning)  # about forking with threads, which is what is tried here

def double(x):
    return 2 * x

def total(engine):
    return sum(plait.map(double, range(1000), engine=engine, workers=2))

def main():
    warm = plait.engines.make_engine(sys.argv[1])
    open_ = plait.map(double, range(1_000_000), engine=warm, workers=2)
    assert next(open_) == 0
    child = os.fork()
    if not child:
        try:
            assert total(sys.argv[1]) == total(warm) == 999_000
            warm.close()
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    print(sum(open_), total(warm))
    warm.close()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_map_after_a_fork(engine: str, tmp_path: Path) -> None:
    """In the child, by name and on the engine that the parent uses at that moment; and in the parent."""
    assert run(FORKED, engine, folder=tmp_path) == ("999999000000 999000\n", "", 0)


FORKED_OPEN = """
import os, signal, sys, warnings, plait
warnings.simplefilter("ignore", DeprecationWarning)  # about forking with threads, which is what is tried here
parent, children = os.getpid(), []

def double(x):
    return 2 * x

async def double_later(x):
    return 2 * x

def fork():
    child = os.fork()
    if child:
        children.append(child)
    else:
        signal.alarm(20)  # nobody else ends a child that waits for ever

def numbers(where):
    for number in range(100_000):
        if number == 150 and where == "input":
            fork()
        yield number

def say(text):
    os.write(1, f"{text}\\n".encode())  # in one piece: two processes write

def main(engine, where):
    stream = plait.map(double_later if engine == "async" else double, numbers(where), engine=engine, workers=2)
    try:
        next(stream)
        if where == "loop":
            fork()
        say(f"all {sum(stream)}")
    except plait.errors.PlaitError as error:
        say(f"{'child' if os.getpid() != parent else 'parent'} {error}")
    if os.getpid() != parent:
        os._exit(7)
    print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("where", ["loop", "input"])
@pytest.mark.parametrize("engine", ["thread", "process", "async", "auto"])
def test_a_map_that_was_open_at_a_fork_goes_on_in_the_parent_only(engine: str, where: str, tmp_path: Path) -> None:
    """The child is told so, in an error that it may catch; it is not ended, as one is that a function has made."""
    out, errors, status = run(FORKED_OPEN, engine, where, folder=tmp_path)
    told = "child this map was started by the process that forked this one; only there it can go on"
    assert (sorted(out.splitlines()), errors, status) == (["[7]", "all 9999900000", told], "", 0)


# --- the end of the interpreter

ENDING = """
import atexit, sys, threading, plait

def double(x):
    return 2 * x

def total():
    return sum(plait.map(double, range(1000), engine=sys.argv[1], workers=2))

def late():
    threading.main_thread().join()
    print("thread", total(), flush=True)

def main():
    global open_
    open_ = plait.map(double, iter(range(10**9)), engine=sys.argv[1], workers=2)  # and nobody closes it
    threading.Thread(target=late).start()
    print("main", next(open_) + total(), flush=True)
    atexit.register(lambda: print("atexit", total(), flush=True))

if __name__ == "__main__":
    main()
    sys.exit(3)
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_map_at_the_exit_of_the_interpreter(engine: str, tmp_path: Path) -> None:
    """In a thread that outlives the main thread, in an exit handler, and one that is open and that nobody closes."""
    said = "main 999000\nthread 999000\natexit 999000\n"
    assert run(ENDING, engine, folder=tmp_path) == (said, "", 3)


@pytest.mark.parametrize("engine", ["inline", "thread"])
def test_a_stream_that_its_own_input_asks_says_so_and_can_go_on(engine: str) -> None:
    streams: list[plait.Stream[int]] = []

    def own() -> Iterator[int]:
        yield 1
        with pytest.raises(plait.errors.UsageError, match="waiting for its next result already"):
            next(streams[0])
        yield 2

    streams.append(plait.map(abs, own(), engine=engine))
    assert list(streams[0]) == [1, 2]


def test_threads_that_share_a_stream_lose_nothing() -> None:
    stream = plait.map(abs, range(2000), engine="thread")
    seen: list[int] = []

    def consume() -> None:
        while True:
            try:
                for value in stream:
                    seen.append(value)
                return
            except plait.errors.UsageError:  # another one waits
                time.sleep(0.0005)

    with plait.scope() as s:
        for _ in range(3):
            s.submit(consume)
    assert sorted(seen) == list(range(2000))


@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_the_report_says_how_long_the_whole_map_took(engine: str) -> None:
    stream = plait.map(sum, [range(100_000)] * 50, engine=engine)  # longer than what comes before it begins
    began = time.perf_counter()
    for _ in stream:
        reached = time.perf_counter() - began
    took = time.perf_counter() - began
    assert 0.5 * reached < stream.report.seconds <= took
