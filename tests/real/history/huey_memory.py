"""huey: put_if_empty of the storage in memory is a lock: only one may get it."""

import threading

from huey.storage import MemoryStorage

storage = MemoryStorage()
got = []


def lock():
    if storage.put_if_empty("lock", b"1"):
        got.append(1)


threads = [threading.Thread(target=lock) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert got == [1], got
