"""limits: a moving window of one, hit by two threads."""

import threading

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

limiter = MovingWindowRateLimiter(MemoryStorage())
item = parse("1/minute")
got = []
threads = [threading.Thread(target=lambda: got.append(limiter.hit(item, "a"))) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert sorted(got) == [False, True], got
