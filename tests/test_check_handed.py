"""A function that is called where it was to be handed over, so that nothing runs beside it: told, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_check_told import Told, found, is_told

from plait._check.conclude import Subject, search
from plait._check.explore import Budget
from plait._check.programs.program import Script

pytestmark = pytest.mark.filterwarnings(  # of the bugs
    "ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

BEGIN = """
import asyncio, functools, multiprocessing, queue, threading, time
from concurrent.futures import Future, ThreadPoolExecutor
done = []
def work(n=1, step=1): done.append(n * step)
"""
CALLED = {
    "a thread": ("t = threading.Thread(target=work(3), daemon=True); t.start(); t.join()", "target=work, args=(3,), d"),
    "many threads": ("threads = [threading.Thread(None, work(n)) for n in range(2)]", "Thread(None, work, args=(n,))"),
    "with keywords": ("threading.Thread(target=work(3, step=2))", "args=(3,), kwargs={'step': 2})"),
    "a timer": ("t = threading.Timer(9, work()); t.start()", "threading.Timer(9, work)"),
    "a process": ("multiprocessing.Process(target=work(1))", "Process(target=work, args=(1,))"),
    "a pool": ("with ThreadPoolExecutor(1) as pool: pool.submit(work(1, step=2))", "pool.submit(work, 1, step=2)"),
    "workers of a pool": ("ThreadPoolExecutor(1, initializer=work(2))", "initializer=work, initargs=(2,))"),
    "a barrier": ("threading.Barrier(2, work())", "threading.Barrier(2, work)"),
    "a future": ("f = Future(); f.add_done_callback(print(1))", "add_done_callback(functools.partial(print, 1))"),
    "a loop": (
        "async def main(): asyncio.get_running_loop().call_later(1, work(step=2))\nasyncio.run(main())",
        "call_later(1, functools.partial(work, step=2))",
    ),
    "a task": (
        "async def main():\n  t = asyncio.create_task(asyncio.sleep(0)); t.add_done_callback(work())\nasyncio.run(main())",
        "t.add_done_callback(work)",
    ),
    "a thread for a task": (
        "async def main(): await asyncio.to_thread(work(2))\nasyncio.run(main())",
        "asyncio.to_thread(work, 2)",
    ),
    "a method": (
        "class Game:\n  def turn(self): pass\n  def go(self): threading.Thread(target=self.turn()).start()\nGame().go()",
        "threading.Thread(target=self.turn)",
    ),
    "a coroutine": ("async def job(): pass\nt = threading.Thread(target=job())", "target=asyncio.run, args=(job(),)"),
}


@pytest.mark.parametrize("name", CALLED)
def test_what_is_called_at_once_is_told(name: str, tmp_path: Path) -> None:
    program, fix = CALLED[name]
    finding = found(f"{BEGIN}{program}", tmp_path)
    assert finding.kind == "called instead of handed over", finding
    assert fix in finding.fix


STUCK = {
    "waits": Told(
        f"{BEGIN}\nq = queue.Queue()\ndef take(): q.get()\nt = threading.Thread(target=take())\nt.start()\nq.put(1)",
        "Called instead of handed over: take()",
        ("does not come to an end", "threading.Thread(target=take)", "not return a function"),
    ),
    "goes round": Told(
        f"{BEGIN}stop = False\ndef run():\n  while not stop: time.sleep(1)\nt = threading.Thread(target=run())\nstop = True",
        "Called instead of handed over: run()",
        ("does not come to an end",),
    ),
}


@pytest.mark.parametrize("name", STUCK)
def test_a_function_that_never_comes_back_is_told(name: str, tmp_path: Path, soon_endless: None) -> None:
    is_told(STUCK[name], tmp_path)


RIGHT = """
def make(n): return functools.partial(work, n)
def perhaps(n): return work if n else None
class Shop:
    def submit(self, order): return order
class Timer:
    def __init__(self, seconds, function): pass
class Own(threading.Thread):
    def run(self): work(1)
options = {}
threads = [threading.Thread(target=make(n)) for n in range(2)]
threads += [Own(target=work()), threading.Thread(target=options.get("target")), threading.Thread(target=None)]
for thread in threads: thread.start()
for thread in threads: thread.join()
Shop().submit(work())
Timer(1, work())
threading.Barrier(2, options.get("action"))
threading.Barrier(2, perhaps(0))
shop = Shop()
shop.submit(work())
with ThreadPoolExecutor(1, initializer=perhaps(0)) as pool: pool.submit(make(1)).result()
assert len(done) == 8, done
"""


def test_what_makes_a_function_is_none_nor_what_only_has_such_a_name(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(BEGIN + RIGHT)
    subject = Subject(lambda fresh: Script(str(file), (), fresh), lambda name: name.startswith(str(tmp_path)))
    checked = search(subject, Budget(30, 20.0), seed=1, scheduler="rotation")
    assert checked.verdict.word == "passed", checked


NO_COROUTINE = {
    "a task of None": ("asyncio.create_task(work())", "A task of what is no coroutine"),
    "a task of a function": ("asyncio.create_task(asyncio.sleep)", "A task of what is no coroutine"),
    "gathered": ("await asyncio.gather(work())", "A task of what is no coroutine"),
    "awaited": ("await work()", "An `await` of what nobody can await"),
}


@pytest.mark.parametrize("name", NO_COROUTINE)
def test_what_is_no_coroutine_is_told(name: str, tmp_path: Path) -> None:
    line, title = NO_COROUTINE[name]
    is_told(Told(f"{BEGIN}async def main(): {line}\nasyncio.run(main())", title, ("to_thread",)), tmp_path)


def test_what_a_pool_cannot_call_is_told(tmp_path: Path) -> None:
    program = f"{BEGIN}result = work()\nwith ThreadPoolExecutor(1) as pool: pool.submit(result).result()"
    is_told(Told(program, "Started with what is no function", ("without parentheses",)), tmp_path)
