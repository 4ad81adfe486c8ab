"""prometheus_client: a finalizer counts, and may run while a counter is at work."""

import threading

from prometheus_client import CollectorRegistry, Counter

registry = CollectorRegistry()
closed = Counter("closed", "how many were closed", registry=registry)


class Resource:
    def __init__(self):
        self.itself = self  # only the garbage collector gets rid of it

    def __del__(self):
        closed.inc()


def use():
    Resource()
    closed.inc()


def main():
    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
