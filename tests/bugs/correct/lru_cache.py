"""A function with functools.lru_cache, called by many threads."""

import functools
import threading


@functools.lru_cache(maxsize=2)
def double(number):
    return number * 2


def main():
    results = {}

    def work(number):
        results[number] = double(number % 3)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {0: 0, 1: 2, 2: 4, 3: 0}


if __name__ == "__main__":
    main()
