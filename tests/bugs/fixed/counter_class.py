"""Two workers count what they have done."""

import threading


class Counter:
    def __init__(self):
        self.value = 0
        self.lock = threading.Lock()

    def increment(self):
        with self.lock:
            self.value += 1


def main():
    counter = Counter()
    workers = [threading.Thread(target=counter.increment) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.value == 2, f"counted {counter.value} of 2"


if __name__ == "__main__":
    main()
