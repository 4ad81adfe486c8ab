"""A buffer with one place, one condition and two users on each side."""

import threading


class Buffer:
    def __init__(self):
        self.changed = threading.Condition()
        self.items = []

    def put(self, item):
        with self.changed:
            while self.items:
                self.changed.wait()
            self.items.append(item)
            self.changed.notify()

    def take(self):
        with self.changed:
            while not self.items:
                self.changed.wait()
            item = self.items.pop()
            self.changed.notify()
            return item


def main():
    buffer, taken = Buffer(), []

    def consume():
        taken.append(buffer.take())

    threads = [threading.Thread(target=consume) for _ in range(2)]
    threads += [threading.Thread(target=buffer.put, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [0, 1]


if __name__ == "__main__":
    main()
