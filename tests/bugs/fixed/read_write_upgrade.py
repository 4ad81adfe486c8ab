"""A readers-writer lock whose readers can upgrade."""

import threading


class ReadWriteLock:
    def __init__(self):
        self.changed = threading.Condition()
        self.readers = 0
        self.writing = False

    def start_reading(self):
        with self.changed:
            self.changed.wait_for(lambda: not self.writing)
            self.readers += 1

    def stop_reading(self):
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()

    def start_writing(self):
        with self.changed:
            self.changed.wait_for(lambda: not self.writing and not self.readers)
            self.writing = True

    def stop_writing(self):
        with self.changed:
            self.writing = False
            self.changed.notify_all()


table = {}
lock = ReadWriteLock()


def get_or_make(key):
    lock.start_reading()
    found = key in table
    lock.stop_reading()
    if not found:
        lock.start_writing()
        table.setdefault(key, key.upper())
        lock.stop_writing()
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
