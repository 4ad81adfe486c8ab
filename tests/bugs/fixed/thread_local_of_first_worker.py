"""Workers keep their connection in a thread-local that is set up once."""

import threading
from concurrent.futures import ThreadPoolExecutor

local = threading.local()


def connection():
    if not hasattr(local, "connection"):
        local.connection = "connection"
    return local.connection


def work(item):
    return item + " by " + connection()


def main():
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(work, ["a", "b"]))
    assert results == ["a by connection", "b by connection"]


if __name__ == "__main__":
    main()
