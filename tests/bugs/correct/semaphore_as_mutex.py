"""A counter guarded by a semaphore."""

import threading

guard = threading.BoundedSemaphore(1)


class Counter:
    value = 0


def count(counter):
    for _ in range(2):
        with guard:
            counter.value += 1


def main():
    counter = Counter()
    threads = [threading.Thread(target=count, args=(counter,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 4


if __name__ == "__main__":
    main()
