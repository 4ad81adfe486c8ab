"""A program to be looked at by tracers: two threads that compute, two that share a lock, the rest wait for a queue.

Prints the seconds and the CPU seconds of its work, from the moment at which all threads are there.
Run: python bench/_trace_load.py THREADS STEPS
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time


def main(threads: int, steps: int) -> None:
    line: queue.Queue[int] = queue.Queue()
    lock = threading.Lock()
    start = threading.Barrier(threads + 1)

    def computes() -> None:
        start.wait()
        for n in range(steps):
            step(n)

    def shares() -> None:
        start.wait()
        for n in range(steps // 4):
            with lock:
                step(n)

    def waits() -> None:
        start.wait()
        line.get()

    works = [computes, computes, shares, shares, *[waits] * (threads - 4)]
    crew = [threading.Thread(target=work, name=work.__name__) for work in works]
    for thread in crew:
        thread.start()
    start.wait()
    began, cpu = time.perf_counter(), time.process_time()
    for thread in crew[:4]:
        thread.join()
    took = time.perf_counter() - began, time.process_time() - cpu
    for _ in crew[4:]:
        line.put(0)
    print(json.dumps(took))


def step(n: int) -> int:
    return sum(add(k, n) for k in range(20))


def add(a: int, b: int) -> int:
    return a + b


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
