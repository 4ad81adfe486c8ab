"""repoze.lru: threads put, get and invalidate."""

import threading

from repoze.lru import LRUCache

cache = LRUCache(2)


def use(keys):
    for key in keys:
        cache.put(key, key)
        got = cache.get(key)
        assert got in (None, key)
    cache.invalidate(keys[0])


threads = [threading.Thread(target=use, args=(keys,)) for keys in ("abc", "bca")]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert cache.hits + cache.misses == 6, (cache.hits, cache.misses)
