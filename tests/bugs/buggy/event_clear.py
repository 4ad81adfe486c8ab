"""A worker is woken by an event when there are jobs."""

import threading


class Worker:
    def __init__(self):
        self.wake = threading.Event()
        self.jobs = []
        self.done = []

    def submit(self, job):
        self.jobs.append(job)
        self.wake.set()

    def run(self):
        while len(self.done) < 2:
            self.wake.wait()
            while self.jobs:
                self.done.append(self.jobs.pop())
            self.wake.clear()


def main():
    worker = Worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    worker.submit("one")
    worker.submit("two")
    thread.join()
    assert sorted(worker.done) == ["one", "two"]


if __name__ == "__main__":
    main()
