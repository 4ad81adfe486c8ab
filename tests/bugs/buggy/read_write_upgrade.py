"""A readers-writer lock whose readers can upgrade."""

import threading


class ReadWriteLock:
    def __init__(self):
        self.changed = threading.Condition()
        self.readers = 0

    def start_reading(self):
        with self.changed:
            self.readers += 1

    def stop_reading(self):
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()

    def upgrade(self):
        with self.changed:
            while self.readers > 1:
                self.changed.wait()


table = {}
lock = ReadWriteLock()


def get_or_make(key):
    lock.start_reading()
    if key not in table:
        lock.upgrade()
        table[key] = key.upper()
    lock.stop_reading()
    return table[key]


def main():
    threads = [threading.Thread(target=get_or_make, args=(key,)) for key in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table == {"a": "A", "b": "B"}


if __name__ == "__main__":
    main()
