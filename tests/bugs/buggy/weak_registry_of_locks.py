"""A lock for each key in a WeakValueDictionary.

After reports on registries of locks that keep them weakly: an entry goes between the question and the answer.
"""

import threading
import weakref


class KeyLock:
    def __init__(self):
        self.lock = threading.Lock()


_locks = weakref.WeakValueDictionary()


def lock_of(key):
    if key not in _locks:
        lock = KeyLock()
        _locks[key] = lock
    return _locks[key]


def work(key):
    for _ in range(2):
        entry = lock_of(key)
        with entry.lock:
            pass
        del entry


def main():
    ts = [threading.Thread(target=work, args=("a",)) for _ in range(2)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


if __name__ == "__main__":
    main()
