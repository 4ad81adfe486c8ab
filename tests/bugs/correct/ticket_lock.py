"""A lock by tickets: `next()` of a count gives each a number of its own, and one is served at a time."""

import itertools
import threading
import time


class TicketLock:
    def __init__(self):
        self.tickets = itertools.count()
        self.serving = 0

    def __enter__(self):
        mine = next(self.tickets)
        while self.serving != mine:
            time.sleep(0)

    def __exit__(self, *error):
        self.serving += 1


lock = TicketLock()
hits = 0


def hit():
    global hits
    for _ in range(2):
        with lock:
            before = hits
            hits = before + 1


def main():
    threads = [threading.Thread(target=hit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hits == 4


if __name__ == "__main__":
    main()
