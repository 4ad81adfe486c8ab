"""Programs of which it is known what their threads, tasks and workers wait for; each returns what they really did."""

from __future__ import annotations

import asyncio
import hashlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from _trace_truth import Crew, Stopwatch, Truth, compute, scaled

import plait
from plait._core.trace import State

_BLOCK = b"x" * 2_000_000
_LAST = float("inf")  # put into a queue: there is no more, and the wait for it lasted as long as it lasted
now = time.perf_counter


def pure_two() -> list[Truth]:
    return _pure(2)


def pure_four() -> list[Truth]:
    return _pure(4)


def _pure(threads: int) -> list[Truth]:
    crew = Crew()

    def computes(_: Stopwatch) -> None:
        compute(scaled(0.8) / threads)

    crew.start(computes, threads)
    return crew.join()


def hashing() -> list[Truth]:
    """Without the GIL but for a moment between blocks."""
    crew = Crew()
    crew.start(_hashes, 2)
    return crew.join()


def hashing_beside_pure() -> list[Truth]:
    crew = Crew()

    def computes(_: Stopwatch) -> None:
        compute(scaled(0.4))

    crew.start(_hashes)
    crew.start(computes)
    return crew.join()


def _hashes(watch: Stopwatch) -> None:
    for _ in range(scaled(200)):
        with watch.without_the_gil():
            hashlib.sha256(_BLOCK).digest()


def convoy() -> list[Truth]:
    """Four that compute under one lock: two waits that look alike, for the lock and for the GIL."""
    crew, lock, let_go = Crew(), threading.Lock(), [0.0]

    def works(watch: Stopwatch) -> None:
        for _ in range(scaled(60)):
            with watch.waiting(State.LOCK, lambda: let_go[0]):
                lock.acquire()
            compute(0.002)
            let_go[0] = now()
            lock.release()
            compute(0.0005)

    crew.start(works, 4)
    return crew.join()


def lock_held_asleep() -> list[Truth]:
    crew, lock, let_go, held = Crew(), threading.Lock(), [0.0], threading.Event()

    def holds(watch: Stopwatch) -> None:
        with lock:
            held.set()
            watch.sleep(scaled(0.6))
            let_go[0] = now()

    def waits(watch: Stopwatch) -> None:
        with watch.waiting(State.LOCK, lambda: let_go[0]), lock:
            pass

    crew.start(holds)
    held.wait()
    crew.start(waits, 3)
    return crew.join()


def starved_consumers() -> list[Truth]:
    crew, line = Crew(), queue.Queue[float]()

    def produces(watch: Stopwatch) -> None:
        for _ in range(scaled(30)):
            watch.sleep(0.02)
            line.put(now())
        for _ in range(3):
            line.put(_LAST)

    def consumes(watch: Stopwatch) -> None:
        for _ in _taken(watch, line):
            compute(0.001)

    crew.start(produces)
    crew.start(consumes, 3)
    return crew.join()


def _taken(watch: Stopwatch, line: queue.Queue[float]) -> Iterator[float]:
    """What others put into a queue, each the moment at which they did, up to `_LAST`."""
    while True:
        with watch.waiting(State.QUEUE, lambda: put):  # noqa: B023  called at once
            put = line.get()
        if put == _LAST:
            return
        yield put


def sends(here: socket.socket, times: int, seconds: float) -> Callable[[Stopwatch], None]:
    """What sends the moment, so often, after so long a sleep."""

    def work(watch: Stopwatch) -> None:
        for _ in range(scaled(times)):
            watch.sleep(seconds)
            here.sendall(b"%30d" % time.perf_counter_ns())

    return work


def sockets() -> list[Truth]:
    crew = Crew()
    here, there = socket.socketpair()

    def asks(watch: Stopwatch) -> None:
        for _ in range(scaled(20)):
            with watch.waiting(State.SOCKET, lambda: sent):  # noqa: B023  called at once
                sent = int(there.recv(30)) / 1e9

    def computes(_: Stopwatch) -> None:
        compute(scaled(0.3))

    with here, there:
        crew.start(sends(here, 20, 0.03))
        crew.start(asks)
        crew.start(computes)
        return crew.join()


def sleeps() -> list[Truth]:
    crew = Crew()

    def sleeps(watch: Stopwatch) -> None:
        for _ in range(scaled(6)):
            watch.sleep(0.1)

    crew.start(sleeps, 4)
    return crew.join()


def sleeps_and_computes() -> list[Truth]:
    crew = Crew()

    def both(watch: Stopwatch) -> None:
        for _ in range(scaled(25)):
            compute(0.008)
            watch.sleep(0.02)

    crew.start(both, 2)
    return crew.join()


def conditions_and_events() -> list[Truth]:
    crew, condition, event = Crew(), threading.Condition(), threading.Event()
    told, tokens, given = [0.0, 0.0], threading.Semaphore(0), [0.0]

    def tells(watch: Stopwatch) -> None:
        watch.sleep(0.5)
        with condition:
            told[0] = now()
            condition.notify_all()
        told[1] = now()
        event.set()
        given[0] = now()
        tokens.release()

    def awaits_condition(watch: Stopwatch) -> None:
        with condition:
            with watch.waiting(State.CONDITION, lambda: told[0]):
                condition.wait_for(lambda: told[0] > 0)

    def awaits_event(watch: Stopwatch) -> None:
        with watch.waiting(State.EVENT, lambda: told[1]):
            event.wait()

    def awaits_token(watch: Stopwatch) -> None:
        with watch.waiting(State.SEMAPHORE, lambda: given[0]):
            tokens.acquire()

    crew.start(awaits_condition)
    crew.start(awaits_event)
    crew.start(awaits_token)
    crew.start(tells)
    return crew.join()


def joins_and_futures() -> list[Truth]:
    crew, future, done = Crew(), Future[float](), [0.0]

    def sleeps(watch: Stopwatch) -> None:
        watch.sleep(0.5)
        future.set_result(now())
        watch.sleep(0.1)
        done[0] = now()

    def awaits_result(watch: Stopwatch) -> None:
        with watch.waiting(State.FUTURE, future.result):
            future.result()

    def joins(watch: Stopwatch) -> None:
        with watch.waiting(State.JOIN, lambda: done[0]):
            crew.threads[0].join()

    crew.start(sleeps)
    crew.start(awaits_result)
    crew.start(joins)
    return crew.join()


def blocked_loop() -> list[Truth]:
    """A task that sleeps on the thread of the loop, and one that is kept from going on by it."""
    truths = []

    async def blocks() -> None:
        await asyncio.sleep(0.1)
        time.sleep(0.3)  # noqa: ASYNC251  what is to be found
        await asyncio.sleep(0.1)

    async def waits() -> None:
        due = asyncio.get_running_loop().time() + 0.25
        await asyncio.sleep(0.25)
        late = asyncio.get_running_loop().time() - due
        truths.append(Truth("waits", {State.SLEEP: 0.25, State.READY: late}))

    async def main() -> None:
        await asyncio.gather(*(asyncio.create_task(work(), name=work.__name__) for work in (blocks, waits)))

    crew = Crew()

    def loops(watch: Stopwatch) -> None:
        asyncio.run(main())
        watch.knows(State.SLEEP, 0.3)

    crew.start(loops, rest=State.IDLE)
    truths += crew.join()
    truths.append(Truth("blocks", {State.SLEEP: 0.2, State.PYTHON: 0.3}))
    return truths


def pool_of_threads() -> list[Truth]:
    """Two workers for four that would use more: who is given no work is idle."""
    truths = []

    def work(_: int) -> None:
        with Stopwatch() as watch:
            watch.sleep(0.05)
            compute(0.02)
        truths.append(watch.truth)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(scaled(16))))
    found = merged(truths)
    for truth in found:
        truth.spans.clear()  # between items there is nothing
    return found


def processes_that_compute() -> list[Truth]:
    return merged(list(plait.map(_computes_there, range(scaled(4)), engine="process", workers=2)))


def _computes_there(_: int) -> Truth:
    with Stopwatch(State.OTHER) as watch:
        compute(0.25)
    return watch.truth


def processes_mixed() -> list[Truth]:
    return merged(list(plait.map(_mixed_there, range(scaled(4)), engine="process", workers=2)))


def _mixed_there(_: int) -> Truth:
    with Stopwatch(State.OTHER) as watch:
        watch.sleep(0.15)
        compute(0.05)
        for _ in range(20):
            with watch.without_the_gil():
                hashlib.sha256(_BLOCK).digest()
    return watch.truth


def threads_in_processes() -> list[Truth]:
    """A worker process whose item starts two threads that fight for the GIL of that process."""
    found = []
    for truths in plait.map(_pure_there, range(2), engine="process", workers=2):
        found += truths
    return found


def _pure_there(_: int) -> list[Truth]:
    return _pure(2)


def mixed() -> list[Truth]:
    """All at once: a pipeline that reads, hashes and computes under a lock."""
    crew, line, lock, let_go = Crew(), queue.Queue[float](9), threading.Lock(), [0.0]

    def feeds(watch: Stopwatch) -> None:
        for _ in range(scaled(40)):
            watch.sleep(0.012)
            line.put(now())
        line.put(_LAST)
        line.put(_LAST)

    def works(watch: Stopwatch) -> None:
        for _ in _taken(watch, line):
            with watch.without_the_gil():
                hashlib.sha256(_BLOCK).digest()
            with watch.waiting(State.LOCK, lambda: let_go[0]):
                lock.acquire()
            compute(0.004)
            let_go[0] = now()
            lock.release()

    def sleeps(watch: Stopwatch) -> None:
        watch.sleep(scaled(0.4))

    crew.start(feeds)
    crew.start(works, 2)
    crew.start(sleeps)
    return crew.join()


def merged(truths: list[Truth]) -> list[Truth]:
    """One for each thread."""
    found: dict[int | str, Truth] = {}
    for truth in truths:
        one = found.setdefault(truth.who, Truth(truth.who))
        for state, seconds in truth.seconds.items():
            one.seconds[state] = one.seconds.get(state, 0.0) + seconds
        one.spans += truth.spans
    return list(found.values())


PROGRAMS: tuple[Callable[[], list[Truth]], ...] = (
    pure_two,
    pure_four,
    hashing,
    hashing_beside_pure,
    convoy,
    lock_held_asleep,
    starved_consumers,
    sockets,
    sleeps,
    sleeps_and_computes,
    conditions_and_events,
    joins_and_futures,
    blocked_loop,
    pool_of_threads,
    processes_that_compute,
    processes_mixed,
    threads_in_processes,
    mixed,
)
