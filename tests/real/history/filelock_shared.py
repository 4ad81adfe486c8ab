"""filelock: one lock object that two threads share must keep them out of each other's way."""

import os
import tempfile
import threading

from filelock import FileLock

path = os.path.join(tempfile.mkdtemp(), "counter.lock")
lock = FileLock(path, timeout=5)
inside = []


def work(name):
    with lock:
        inside.append(name)
        assert inside == [name], inside
        inside.remove(name)


threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
for t in threads:
    t.start()
for t in threads:
    t.join()
