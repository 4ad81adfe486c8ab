"""A worker that is started on demand and retires when there is nothing to do.

After reports on exporters and forwarders of telemetry: a worker thread that is started on demand goes while somebody
counts on it.
"""

import threading
from collections import deque


class Forwarder:
    def __init__(self):
        self.condition = threading.Condition()
        self.queue = deque()
        self.sent = []
        self.worker = None

    def enqueue(self, item):
        with self.condition:
            self.queue.append(item)
            if self.worker is None:
                self.worker = threading.Thread(target=self._run)
                self.worker.start()

    def _run(self):
        try:
            while True:
                with self.condition:
                    if not self.queue:
                        return
                    item = self.queue.popleft()
                self.sent.append(item)
        finally:
            with self.condition:
                self.worker = None
                self.condition.notify_all()

    def flush(self):
        with self.condition:
            self.condition.wait_for(lambda: self.worker is None)


def main():
    f = Forwarder()
    ts = [threading.Thread(target=f.enqueue, args=(i,)) for i in range(2)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    f.flush()
    assert sorted(f.sent) == [0, 1], f.sent


if __name__ == "__main__":
    main()
