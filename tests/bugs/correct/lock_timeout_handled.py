"""A statistic is updated if the lock can be had soon."""

import threading


class Statistic:
    def __init__(self):
        self.lock = threading.Lock()
        self.updates = 0
        self.skipped = []

    def update(self):
        if self.lock.acquire(timeout=0.1):
            try:
                self.updates += 1
            finally:
                self.lock.release()
        else:
            self.skipped.append(1)


def main():
    statistic = Statistic()
    threads = [threading.Thread(target=statistic.update) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statistic.updates + len(statistic.skipped) == 3


if __name__ == "__main__":
    main()
