"""Two pulls of the same name: the second one has nothing to do, and leaves without telling the latch."""

import threading


class Latch:
    def __init__(self, count):
        self.count = count
        self.zero = threading.Condition()

    def done(self):
        with self.zero:
            self.count -= 1
            if self.count == 0:
                self.zero.notify_all()

    def wait(self):
        with self.zero:
            while self.count:
                self.zero.wait()


pulled = set()
lock = threading.Lock()


def pull(name, latch):
    with lock:
        if name in pulled:
            return
        pulled.add(name)
    latch.done()


def main():
    latch = Latch(2)
    for _ in range(2):
        threading.Thread(target=pull, args=("alpine", latch)).start()
    latch.wait()
    assert pulled == {"alpine"}


if __name__ == "__main__":
    main()
