"""A batch that flushes itself under its own lock."""

import threading


class Batch:
    def __init__(self):
        self.lock = threading.RLock()
        self.items = []
        self.written = []

    def flush(self):
        with self.lock:
            self.written.extend(self.items)
            self.items.clear()

    def add(self, item):
        with self.lock:
            self.items.append(item)
            if len(self.items) == 2:
                self.flush()


def main():
    batch = Batch()
    threads = [threading.Thread(target=batch.add, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batch.flush()
    assert sorted(batch.written) == [0, 1, 2]


if __name__ == "__main__":
    main()
