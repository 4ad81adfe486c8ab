"""A group of tasks that can be waited for."""

import threading


class Group:
    def __init__(self):
        self.changed = threading.Condition()
        self.running = 0

    def add(self, number):
        with self.changed:
            self.running += number
            self.changed.notify_all()

    def wait(self):
        with self.changed:
            while self.running:
                self.changed.wait()


def main():
    group, results = Group(), []

    def task():
        group.add(1)
        results.append("done")
        group.add(-1)

    thread = threading.Thread(target=task)
    thread.start()
    group.wait()
    collected = list(results)
    thread.join()
    assert collected == ["done"], collected


if __name__ == "__main__":
    main()
