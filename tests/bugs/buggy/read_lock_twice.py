"""A readers-writer lock that prefers writers."""

import threading


class ReadWriteLock:
    def __init__(self):
        self.changed = threading.Condition()
        self.readers = 0
        self.writers = 0

    def read(self):
        with self.changed:
            while self.writers:
                self.changed.wait()
            self.readers += 1

    def stop_reading(self):
        with self.changed:
            self.readers -= 1
            self.changed.notify_all()

    def write(self):
        with self.changed:
            self.writers += 1
            while self.readers:
                self.changed.wait()
            self.writers -= 1
            self.changed.notify_all()


lock = ReadWriteLock()


def size():
    lock.read()
    lock.stop_reading()
    return 2


def report():
    lock.read()
    size()
    lock.stop_reading()


def main():
    writer = threading.Thread(target=lock.write)
    writer.start()
    report()
    writer.join()


if __name__ == "__main__":
    main()
