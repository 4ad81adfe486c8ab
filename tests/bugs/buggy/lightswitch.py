"""Readers share a room, which the first one takes and the last one gives back."""

import threading


class Lightswitch:
    def __init__(self):
        self.inside = 0
        self.mutex = threading.Lock()

    def enter(self, room):
        with self.mutex:
            self.inside += 1
            if self.inside == 1:
                room.acquire()

    def leave(self, room):
        self.inside -= 1
        if self.inside == 0:
            room.release()


room = threading.Semaphore(1)
switch = Lightswitch()
items = {"a": 1, "b": 2}


def read():
    switch.enter(room)
    assert "b" in list(items)
    switch.leave(room)


def remove():
    with room:
        del items["a"]


def main():
    threads = [threading.Thread(target=target) for target in (read, read, remove)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
