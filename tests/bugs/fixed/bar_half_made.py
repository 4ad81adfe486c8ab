"""Progress bars find themselves a free row; a new one is in the list of all when it has one."""

import threading


class Bar:
    bars = []
    lock = threading.Lock()

    def __init__(self, total):
        self.total = total
        with self.lock:
            self.row = 1 + max((bar.row for bar in self.bars), default=-1)
            self.bars.append(self)


def main():
    threads = [threading.Thread(target=Bar, args=(10,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bar.row for bar in Bar.bars) == [0, 1]


if __name__ == "__main__":
    main()
