"""A slot that one thread fills and another one empties."""

import threading


class Slot:
    def __init__(self):
        self.changed = threading.Condition()
        self.item = None

    def put(self, item):
        with self.changed:
            while self.item is not None:
                self.changed.wait()
            self.item = item
            self.changed.notify_all()

    def take(self):
        with self.changed:
            while self.item is None:
                self.changed.wait()
            item, self.item = self.item, None
            self.changed.notify_all()
            return item


def main():
    slot, taken = Slot(), []
    taker = threading.Thread(target=lambda: taken.extend(slot.take() for _ in range(2)))
    taker.start()
    slot.put(1)
    slot.put(2)
    taker.join()
    assert taken == [1, 2]


if __name__ == "__main__":
    main()
