"""A cache in front of a slow loader: each key is loaded once."""

import threading


class Cache:
    def __init__(self, load):
        self.load = load
        self.entries = {}

    def get(self, key):
        if key not in self.entries:
            self.entries[key] = self.load(key)
        return self.entries[key]


loads = []


def load(key):
    loads.append(key)
    return key.upper()


def main():
    cache = Cache(load)
    threads = [threading.Thread(target=cache.get, args=("user",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["user"], f"loaded {len(loads)} times"


if __name__ == "__main__":
    main()
