"""A worker runs until it is told to stop."""

import threading
import time


class Worker:
    def __init__(self):
        self.stopped = False
        self.rounds = 0

    def run(self):
        while not self.stopped:
            self.rounds += 1
            time.sleep(0.01)


def main():
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    time.sleep(0.03)
    worker.stopped = True
    thread.join()
    assert worker.rounds >= 0


if __name__ == "__main__":
    main()
