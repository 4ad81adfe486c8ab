"""Futures that are active are counted; a callback takes each out of the set."""

import threading
from concurrent.futures import ThreadPoolExecutor


class Tracker:
    def __init__(self):
        self.active = set()
        self.pool = ThreadPoolExecutor(2)
        self.lock = threading.Lock()

    def _forget(self, future):
        with self.lock:
            self.active.discard(future)

    def start(self, function):
        future = self.pool.submit(function)
        with self.lock:
            self.active.add(future)
        future.add_done_callback(self._forget)

    def running(self):
        with self.lock:
            active = list(self.active)
        return sum(1 for f in active if not f.done())


def main():
    tracker = Tracker()
    for _ in range(2):
        tracker.start(lambda: None)
    assert tracker.running() <= 2
    tracker.pool.shutdown()


if __name__ == "__main__":
    main()
