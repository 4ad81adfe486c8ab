"""A worker waits until the data are ready."""

import threading


class Signal:
    def __init__(self):
        self.condition = threading.Condition()
        self.ready = False

    def wait(self):
        if not self.ready:
            with self.condition:
                self.condition.wait()

    def set(self):
        self.ready = True
        with self.condition:
            self.condition.notify_all()


def main():
    signal = Signal()
    waiter = threading.Thread(target=signal.wait)
    waiter.start()
    signal.set()
    waiter.join()


if __name__ == "__main__":
    main()
