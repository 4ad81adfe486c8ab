"""cachetools: `cached` with a lock only may compute twice, and must stay whole."""

import threading

from cachetools import LRUCache, cached

cache = LRUCache(maxsize=1)


@cached(cache=cache, lock=threading.Lock(), info=True)
def square(number):
    return number * number


def main():
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(square(n))) for n in (1, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [1, 1, 4]
    info = square.cache_info()
    assert info.hits + info.misses == 3
    assert info.currsize == len(cache) == 1


if __name__ == "__main__":
    main()
