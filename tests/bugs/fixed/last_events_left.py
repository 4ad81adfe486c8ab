"""An appender writes what was logged in a thread of its own.

After a report on Log4j's AsyncAppender.
"""

import collections
import threading


class AsyncAppender:
    def __init__(self):
        self.buffer = collections.deque()
        self.lock = threading.Condition()
        self.closed = False
        self.written = []
        self.dispatcher = threading.Thread(target=self.dispatch)
        self.dispatcher.start()

    def append(self, event):
        with self.lock:
            self.buffer.append(event)
            self.lock.notify_all()

    def dispatch(self):
        while True:
            with self.lock:
                while not self.buffer and not self.closed:
                    self.lock.wait()
                if not self.buffer and self.closed:
                    return
                events = list(self.buffer)
                self.buffer.clear()
            self.written += events

    def close(self):
        with self.lock:
            self.closed = True
            self.lock.notify_all()
        self.dispatcher.join()


def main():
    appender = AsyncAppender()
    for n in range(3):
        appender.append(n)
    appender.close()
    assert appender.written == [0, 1, 2], appender.written


if __name__ == "__main__":
    main()
