"""Progress bars find themselves a free row; a new one is in the list of all before it has one."""

import threading


class Bar:
    bars = []
    lock = threading.Lock()

    def __init__(self, total):
        with self.lock:
            self.bars.append(self)
        self.total = total
        self.row = self.free_row()

    def free_row(self):
        with self.lock:
            return 1 + max((bar.row for bar in self.bars if bar is not self), default=-1)


def main():
    threads = [threading.Thread(target=Bar, args=(10,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bar.row for bar in Bar.bars) == [0, 1]


if __name__ == "__main__":
    main()
