"""cachetools: `cached` with a lock and a condition computes each key once and keeps the cache's size."""

import threading

from cachetools import LRUCache, cached

computed = []


@cached(cache=LRUCache(maxsize=2), condition=threading.Condition())
def square(number):
    computed.append(number)
    return number * number


def main():
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(square(n))) for n in (1, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [1, 1, 4]
    assert sorted(computed) == [1, 2], computed


if __name__ == "__main__":
    main()
