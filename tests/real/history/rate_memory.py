"""pyrate-limiter: one call a second, two threads."""

import threading

from pyrate_limiter import BucketFullException, Duration, Limiter

try:
    from pyrate_limiter import RequestRate as Rate
except ImportError:
    from pyrate_limiter import Rate

limiter = Limiter(Rate(1, Duration.MINUTE))
got = []


def call():
    try:
        limiter.try_acquire("a")
        got.append(True)
    except BucketFullException:
        got.append(False)


threads = [threading.Thread(target=call) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert sorted(got) == [False, True], got
