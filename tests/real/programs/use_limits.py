"""limits: two hits of three are let in; a look in the storage forgets the hit that another thread has just counted."""

import threading

from limits import RateLimitItemPerMinute, storage, strategies

limiter = strategies.FixedWindowRateLimiter(storage.MemoryStorage())
two, passed = RateLimitItemPerMinute(2), []


def work():
    if limiter.hit(two, "user"):
        passed.append(1)


def main():
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 2, passed


if __name__ == "__main__":
    main()
