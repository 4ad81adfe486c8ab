"""A counter whose property takes a lock for each look and for each change."""

import threading


class Counter:
    def __init__(self):
        self._value = 0
        self._lock = threading.Lock()

    @property
    def value(self):
        with self._lock:
            return self._value

    @value.setter
    def value(self, new):
        with self._lock:
            self._value = new


counter = Counter()


def work():
    for _ in range(2):
        counter.value += 1


def main():
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 4


if __name__ == "__main__":
    main()
