"""A room says how many messages are waiting while members join."""

import threading


class Room:
    def __init__(self):
        self.waiting = {"ann": 1, "bob": 2}
        self.lock = threading.Lock()

    def join(self, name):
        with self.lock:
            self.waiting[name] = 0

    def total(self):
        total = 0
        with self.lock:
            for name in self.waiting:
                total += self.waiting[name]
        return total


def main():
    room = Room()
    joiner = threading.Thread(target=room.join, args=("eve",))
    joiner.start()
    total = room.total()
    joiner.join()
    assert total == 3, total


if __name__ == "__main__":
    main()
