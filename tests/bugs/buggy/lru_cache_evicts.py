"""A least-recently-used cache made with an OrderedDict."""

import threading
from collections import OrderedDict


class Lru:
    def __init__(self, size):
        self.size = size
        self.entries = OrderedDict(a=1)

    def get(self, key):
        if key in self.entries:
            self.entries.move_to_end(key)
            return self.entries[key]
        return None

    def put(self, key, value):
        self.entries[key] = value
        if len(self.entries) > self.size:
            self.entries.popitem(last=False)


def main():
    cache = Lru(size=1)
    reader = threading.Thread(target=cache.get, args=("a",))
    reader.start()
    cache.put("b", 2)
    reader.join()
    assert list(cache.entries) == ["b"], cache.entries


if __name__ == "__main__":
    main()
