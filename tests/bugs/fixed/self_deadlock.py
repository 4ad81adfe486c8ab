"""A batch that is written when it is full."""

import threading


class Batch:
    def __init__(self, size):
        self.size = size
        self.items = []
        self.written = []
        self.lock = threading.RLock()

    def flush(self):
        with self.lock:
            self.written += self.items
            self.items = []

    def add(self, item):
        with self.lock:
            self.items.append(item)
            if len(self.items) >= self.size:
                self.flush()


def main():
    batch = Batch(size=2)
    threads = [threading.Thread(target=batch.add, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(batch.written) == [0, 1]


if __name__ == "__main__":
    main()
