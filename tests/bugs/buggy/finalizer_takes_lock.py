"""A pool whose entries log when they go; the last reference goes under the pool's lock.

After reports on loggers, clients and pools: a finalizer runs in the thread that holds the lock which it takes.
"""

import threading


class Log:
    def __init__(self):
        self.lock = threading.Lock()
        self.lines = []

    def write(self, make):
        with self.lock:
            self.lines.append(make())


LOG = Log()
ENTRIES = {}


class Entry:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        LOG.write(lambda: f"closed {self.name}")


def describe(name):
    entry = ENTRIES.get(name)
    return entry.name if entry else "-"


def evict(name):
    ENTRIES.pop(name, None)


def report(name):
    LOG.write(lambda: describe(name))


def main():
    ENTRIES["a"] = Entry("a")
    a = threading.Thread(target=report, args=("a",))
    b = threading.Thread(target=evict, args=("a",))
    a.start()
    b.start()
    a.join()
    b.join()
    assert len(LOG.lines) == 2


if __name__ == "__main__":
    main()
