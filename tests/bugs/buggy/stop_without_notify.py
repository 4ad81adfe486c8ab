"""A worker that waits for jobs until it is stopped."""

import threading


class Worker:
    def __init__(self):
        self.condition = threading.Condition()
        self.jobs = []
        self.stopped = False

    def run(self):
        with self.condition:
            while not self.stopped:
                while self.jobs:
                    self.jobs.pop()
                self.condition.wait_for(lambda: self.jobs or self.stopped)

    def stop(self):
        with self.condition:
            self.stopped = True


def main():
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    worker.stop()
    thread.join()


if __name__ == "__main__":
    main()
