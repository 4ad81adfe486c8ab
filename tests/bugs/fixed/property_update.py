"""A counter whose property takes a lock for each look, as its method does for each change."""

import threading


class Counter:
    def __init__(self):
        self._value = 0
        self._lock = threading.Lock()

    @property
    def value(self):
        with self._lock:
            return self._value

    def add(self, number):
        with self._lock:
            self._value += number


counter = Counter()


def work():
    for _ in range(2):
        counter.add(1)


def main():
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 4


if __name__ == "__main__":
    main()
