"""A request completes, or a timer says that it took too long."""

import threading
import time


class Request:
    def __init__(self):
        self.outcomes = []
        self.lock = threading.Lock()
        self.timer = threading.Timer(1.0, self.finish, args=("timed out",))
        self.timer.start()

    def finish(self, outcome):
        with self.lock:
            if not self.outcomes:
                self.outcomes.append(outcome)

    def complete(self):
        self.timer.cancel()
        self.finish("completed")


def main():
    request = Request()
    time.sleep(1.0)  # the server answers when the time is just over
    request.complete()
    request.timer.join()
    assert len(request.outcomes) == 1, request.outcomes


if __name__ == "__main__":
    main()
