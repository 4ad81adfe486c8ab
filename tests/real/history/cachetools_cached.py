"""cachetools 4.2.0: two threads compute the same key; what the cache has must be what both got."""

import threading

from cachetools import LRUCache, cached


class Session:
    pass


@cached(LRUCache(maxsize=8), lock=threading.RLock())
def session(name):
    return Session()


got = []
threads = [threading.Thread(target=lambda: got.append(session("a"))) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert got[0] is got[1] is session("a")
