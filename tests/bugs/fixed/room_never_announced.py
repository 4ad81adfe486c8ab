"""A buffer of one item between producers and consumers, with a condition for each side."""

import threading


class Buffer:
    def __init__(self):
        self.items = []
        lock = threading.Lock()
        self.not_empty = threading.Condition(lock)
        self.not_full = threading.Condition(lock)

    def put(self, item):
        with self.not_full:
            while len(self.items) == 1:
                self.not_full.wait()
            self.items.append(item)
            self.not_empty.notify()

    def get(self):
        with self.not_empty:
            while not self.items:
                self.not_empty.wait()
            item = self.items.pop()
            self.not_full.notify()
            return item


def main():
    buffer = Buffer()

    def produce():
        for item in (1, 2):
            buffer.put(item)

    def consume():
        for _ in range(2):
            buffer.get()

    threads = [threading.Thread(target=work) for work in (produce, produce, consume, consume)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
