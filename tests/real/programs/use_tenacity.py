"""tenacity: one decorated function, retried by two threads; each call has its own attempts."""

import threading

from tenacity import retry, stop_after_attempt, wait_fixed

local = threading.local()


@retry(stop=stop_after_attempt(3), wait=wait_fixed(1))
def flaky():
    local.calls = getattr(local, "calls", 0) + 1
    if local.calls < 3:
        raise OSError
    return local.calls


def main():
    results = []
    threads = [threading.Thread(target=lambda: results.append(flaky())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [3, 3], results


if __name__ == "__main__":
    main()
