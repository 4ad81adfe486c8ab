"""diskcache: two threads increment a key of a cache on disk."""

import tempfile
import threading

import diskcache


def main():
    with tempfile.TemporaryDirectory() as folder, diskcache.Cache(folder) as cache:
        threads = [threading.Thread(target=cache.incr, args=("hits",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert cache["hits"] == 2, cache["hits"]


if __name__ == "__main__":
    main()
