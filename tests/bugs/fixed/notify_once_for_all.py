"""A gate that opens for everybody who waits."""

import threading


class Gate:
    def __init__(self):
        self.condition = threading.Condition()
        self.open = False

    def wait(self):
        with self.condition:
            while not self.open:
                self.condition.wait()

    def open_up(self):
        with self.condition:
            self.open = True
            self.condition.notify_all()


def main():
    gate = Gate()
    waiters = [threading.Thread(target=gate.wait) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    gate.open_up()
    for waiter in waiters:
        waiter.join()


if __name__ == "__main__":
    main()
