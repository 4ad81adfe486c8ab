"""toolz: memoize in two threads."""

import threading

from toolz import memoize

made = []


@memoize
def load(key):
    made.append(key)
    return object()


got = []
threads = [threading.Thread(target=lambda: got.append(load("a"))) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert got[0] is got[1]
