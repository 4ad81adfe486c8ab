"""Futures that are active are counted; a callback takes each out of the set."""

from concurrent.futures import ThreadPoolExecutor


class Tracker:
    def __init__(self):
        self.active = set()
        self.pool = ThreadPoolExecutor(2)

    def start(self, function):
        future = self.pool.submit(function)
        self.active.add(future)
        future.add_done_callback(self.active.discard)

    def running(self):
        return sum(1 for f in self.active if not f.done())


def main():
    tracker = Tracker()
    for _ in range(2):
        tracker.start(lambda: None)
    assert tracker.running() <= 2
    tracker.pool.shutdown()


if __name__ == "__main__":
    main()
