"""Workers keep their connection in a thread-local that is set up once."""

import threading
from concurrent.futures import ThreadPoolExecutor

local = threading.local()
lock = threading.Lock()
ready = False


def connection():
    global ready
    with lock:
        if not ready:
            local.connection = "connection"
            ready = True
    return local.connection


def work(item):
    return item + " by " + connection()


def main():
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(work, ["a", "b"]))
    assert results == ["a by connection", "b by connection"]


if __name__ == "__main__":
    main()
