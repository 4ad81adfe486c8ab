"""Done callbacks count under a lock."""

import threading
from concurrent.futures import ThreadPoolExecutor


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.done = 0

    def add(self, future):
        with self.lock:
            self.done += future.result()


def main():
    tally = Tally()
    with ThreadPoolExecutor(max_workers=2) as pool:
        for number in (1, 2):
            pool.submit(int, number).add_done_callback(tally.add)
    assert tally.done == 3


if __name__ == "__main__":
    main()
