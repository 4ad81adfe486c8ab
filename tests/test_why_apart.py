"""``plait why`` names the culprit where others merely wait for what comes from outside, and have nothing to do with it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from told import said_of

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, Thing, Thread
from plait._see.why.known import examine
from plait._see.why.reach import may_end

# Threads that any program may have. Whichever of them there are, in whatever order: none of them is to be blamed.
BYSTANDERS = {
    "reads": "def reads(sock=socket.socketpair()[0]):\n    while sock.recv(100): pass",
    "accepts": "def accepts(sock=socket.create_server(('127.0.0.1', 0))):\n    while True: sock.accept()[0].close()",
    "polls": "def polls(stop=threading.Event()):\n    while not stop.wait(0.3): pass",
    "sleeps": "def sleeps():\n    while True: time.sleep(3600)",
    "serves": "def serves(inbox=queue.Queue()):\n    while True: print(inbox.get()); inbox.task_done()",
    "waits": "def waits(more=threading.Condition()):\n    with more: more.wait()",
}
# What is planted, the title, and the line that has to come first.
CULPRITS = {
    "future": (
        "answer = concurrent.futures.Future()\ndef work(): answer.result()  # culprit",
        "Nobody sets the result of answer",
    ),
    "event": ("go = threading.Event()\ndef work(): go.wait()  # culprit", "Nobody sets go"),
    "room": (
        "rows = queue.Queue(1)\ndef work():\n    for n in range(3): rows.put(n)  # culprit",
        "Nobody takes from rows",
    ),
    "done": (
        (
            "jobs = queue.Queue()\ndef take(): jobs.get()\ndef work():\n    threading.Thread(target=take).start()\n"
            "    jobs.put(1)\n    jobs.join()  # culprit"
        ),
        "Not all items of jobs were marked as done",
    ),
    "barrier": ("line = threading.Barrier(2)\ndef work(): line.wait()  # culprit", "Too few come to line"),
    "permit": (
        (
            "a, b = threading.Semaphore(1), threading.BoundedSemaphore()\nboth = threading.Barrier(2)\n"
            "def other():\n    with b:\n        both.wait()\n        with a: pass\n"
            "def work():\n    threading.Thread(target=other, name='other').start()\n"
            "    with a:  # culprit\n        both.wait()\n        with b: pass"
        ),
        'Deadlock: "',
    ),
    "pool": (
        (
            "pool = plait.Pool('thread', workers=1)\ndef outer(): pool.submit(abs, 1).result()  # culprit\n"
            "def work(): pool.submit(outer).result()"
        ),
        "A pool waits for itself",
    ),
}


@pytest.mark.parametrize(("seed", "culprit"), list(enumerate(CULPRITS)))
def test_no_bystander_is_blamed(seed: int, culprit: str, tmp_path: Path) -> None:
    chance = random.Random(seed)
    code, title = CULPRITS[culprit]
    beside = chance.sample(sorted(BYSTANDERS), 3)
    names = [*beside, "work"]
    chance.shuffle(names)
    program = "\n".join((
        "import concurrent.futures, queue, socket, threading, time, plait",
        code,
        *(BYSTANDERS[name] for name in beside),
        f"threads = [threading.Thread(target=each, daemon=True) for each in ({', '.join(names)})]",
        "for thread in threads: thread.start()",
        f"threads[{names.index('work')}].join()",
    ))  # fmt: skip
    line = 1 + next(at for at, text in enumerate(program.split("\n")) if "# culprit" in text)
    said = said_of(tmp_path, program + "\n", title)
    first = next(row for row in said.split("\n")[1:] if row)
    assert f"app.py:{line}" in first, said


def test_no_bystander_among_the_tasks_of_a_loop_is_blamed(tmp_path: Path) -> None:
    said = said_of(
        tmp_path,
        "import asyncio, plait\n"
        "async def serve(inbox):\n    while True: await inbox.get()\n"
        "async def main():\n    beside = asyncio.ensure_future(serve(asyncio.Queue()))\n"
        "    answer = asyncio.get_running_loop().create_future()\n    await answer\n"
        "asyncio.run(main())\n",
        "Task-1 (main) waits for",
    )
    assert "app.py:7" in said.split("\n")[2]


HEAD = "import socket, threading\nfrom time import sleep\ndone = threading.Event()\nsock = socket.socket()\n"
# What a thread runs that waits for a socket, and whether that ends the wait for `done`, or may.
RUNS = {
    "def reads():\n    while sock.recv(1): pass": "no",
    "def reads():\n    print(sock.recv(1))\n    sleep(1)\n    sock.close()": "no",
    "def reads():\n    sock.recv(1)\n    done.set()": "yes",
    "def reads():\n    sock.recv(1)\n    tell(1)\ndef tell(x): done.set()": "yes",
    "class Reader:\n    def tell(self): done.set()\n    def reads(self):\n        sock.recv(1)\n        self.tell()": "yes",
    "class H:\n    def handle(self): done.set()\ndef reads():\n    while sock.recv(1): H()": "yes",
    "def reads():\n    while True:\n        done.set()\n        sock.recv(1)": "yes",
    "def reads():\n    done.set()\n    sock.recv(1)": "no",
    "def reads(then):\n    sock.recv(1)\n    then()": "may",
    "def reads(known={}):\n    known[sock.recv(1)]()": "may",
    "def reads(server):\n    sock.recv(1)\n    server.handle_request()": "may",
    "import beside\ndef reads():\n    sock.recv(1)\n    beside.tells()": "yes",
}


@pytest.mark.parametrize("code", RUNS, ids=range(len(RUNS)))
def test_what_a_thread_may_still_run(code: str, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("from program import done\ndef tells(): done.set()\n")
    file = tmp_path / "program.py"
    file.write_text(HEAD + code + "\n\ndef wants():\n    done.wait()\n")
    lines = file.read_text().split("\n")
    reading = 1 + next(at for at, text in enumerate(lines) if "sock.recv(1)" in text)
    reads = Thread("reads", 2, 2, (Frame(str(file), reading, "reads"),), busy=False, where="unix_stream_read_generic")
    wait = Frame("/usr/lib/python3.11/threading.py", 600, "wait", {"self": Thing("Event", 5, "")})
    wants = Thread("MainThread", 1, 1, (wait, Frame(str(file), len(lines) - 1, "wants")), busy=False)
    one, other = examine(Dump(1, (reads, wants)))
    assert (may_end(one, other), may_end(one, other, certainly=False)) == {
        "no": (False, False), "yes": (True, True), "may": (False, True),
    }[RUNS[code]]  # fmt: skip


LEFT = """
lock = threading.RLock()

def leaves():
    lock.acquire()
    int("x")
    lock.release()

def wants():
    with lock:
        pass

def reads(inbox):
    inbox.get()

"""
WANTS, READS = 10, 14


@pytest.mark.parametrize("calls", [False, True])
def test_a_new_thread_with_the_number_of_one_that_has_ended_is_not_said_to_have_its_lock(
    tmp_path: Path, *, calls: bool
) -> None:
    """Unless it is in a function that calls the one which leaves the lock taken."""
    file = tmp_path / "program.py"
    file.write_text(LEFT.replace("    inbox.get()", "    inbox.get(), leaves()") if calls else LEFT)
    taken = {"lock": Thing("RLock", 77, "2")}
    main = Thread("MainThread", 9, 9, (Frame(str(file), WANTS, "wants", taken),), busy=False, where="futex_wait")
    reads = Thread("reads", 2, 2, (Frame(str(file), READS, "reads"),), busy=False, where="unix_stream_read_generic")
    found = diagnose(Dump(1, (main, reads)))
    assert found is not None
    assert [one.who for one in found.steps if "as the lock itself says" in one.does] == ["reads"] * calls
