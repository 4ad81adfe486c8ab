"""prometheus_client: a finalizer observes a metric while its lock is held."""

import gc
import threading

from prometheus_client import CollectorRegistry, Counter

registry = CollectorRegistry()
counter = Counter("closed", "how many were closed", registry=registry)


class Resource:
    def __init__(self):
        self.me = self

    def __del__(self):
        counter.inc()


def use():
    Resource()
    counter.inc()
    gc.collect()


threads = [threading.Thread(target=use) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert registry.get_sample_value("closed_total") == 4.0
