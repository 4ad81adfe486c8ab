"""Main waits until two workers have counted a latch down."""

import threading


class Latch:
    def __init__(self, count):
        self.count = count
        self.opened = threading.Event()

    def less(self, count):
        return count - 1

    def count_down(self):
        self.count = self.less(self.count)
        if self.count == 0:
            self.opened.set()


def main():
    latch = Latch(2)
    workers = [threading.Thread(target=latch.count_down) for _ in range(2)]
    for worker in workers:
        worker.start()
    latch.opened.wait()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
