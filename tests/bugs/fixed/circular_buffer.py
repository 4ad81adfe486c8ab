"""A ring for one producer and one consumer, without a lock."""

import threading


def pack(item):
    return f"<{item}>"


class Ring:
    def __init__(self, size):
        self.slots = [None] * size
        self.start = 0
        self.end = 0

    def put(self, item):
        slot = self.end
        self.slots[slot] = pack(item)
        self.end = slot + 1

    def get(self):
        if self.start == self.end:
            return "empty"
        slot = self.start
        self.start = slot + 1
        return self.slots[slot]


def main():
    ring = Ring(4)
    producer = threading.Thread(target=ring.put, args=("a",))
    producer.start()
    got = ring.get()
    producer.join()
    assert got in ("<a>", "empty"), got


if __name__ == "__main__":
    main()
