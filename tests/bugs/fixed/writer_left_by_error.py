"""A lock that lets one writer in; the work under it may fail."""

import contextlib
import threading


class WriteLock:
    def __init__(self):
        self.condition = threading.Condition()
        self.writing = False

    @contextlib.contextmanager
    def write(self):
        with self.condition:
            while self.writing:
                self.condition.wait()
            self.writing = True
        try:
            yield
        finally:
            with self.condition:
                self.writing = False
                self.condition.notify()


def main():
    lock, table = WriteLock(), {}

    def store(key, text):
        with contextlib.suppress(ValueError), lock.write():
            table[key] = int(text)

    threads = [threading.Thread(target=store, args=args) for args in (("a", "1"), ("b", "two"), ("c", "3"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table == {"a": 1, "c": 3}


if __name__ == "__main__":
    main()
