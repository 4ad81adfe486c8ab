"""A cache with a time to live, in front of a slow database."""

import threading
import time


class Cache:
    def __init__(self, ttl):
        self.ttl = ttl
        self.lock = threading.Lock()
        self.entries = {}

    def get(self, key, load):
        with self.lock:
            entry = self.entries.get(key)
            now = time.monotonic()
            if entry is not None and entry[1] > now:
                return entry[0]
            value = load(key)
            self.entries[key] = value, now + self.ttl
            return value


def main():
    cache, queries = Cache(60), []

    def load(key):
        queries.append(key)
        return {"id": key}

    requests = [threading.Thread(target=cache.get, args=(7, load)) for _ in range(2)]
    for request in requests:
        request.start()
    for request in requests:
        request.join()
    assert len(queries) == 1, f"queries: {queries}"


if __name__ == "__main__":
    main()
