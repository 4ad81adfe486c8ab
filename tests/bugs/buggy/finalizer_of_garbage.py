"""A registry of leases, each given back by a finalizer.

After reports on registries of tokens and ledgers: an allocation under the lock has garbage collected, and the finalizer of
what goes takes the lock.
"""

import gc
import threading
import weakref

_lock = threading.Lock()
_counts = {}


def _release(name):
    with _lock:
        _counts[name] -= 1


class Lease:
    def __init__(self, name):
        self.name = name
        self.me = self
        weakref.finalize(self, _release, name)


def acquire(name):
    lease = Lease(name)
    with _lock:
        _counts[name] = _counts.get(name, 0) + 1
        return lease


def work(name):
    for _ in range(3):
        acquire(name)


def main():
    ts = [threading.Thread(target=work, args=(n,)) for n in "ab"]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    gc.collect()
    assert set(_counts.values()) == {0}, _counts


if __name__ == "__main__":
    main()
