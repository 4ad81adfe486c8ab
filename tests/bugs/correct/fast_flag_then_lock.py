"""A fast look at a flag saves taking the lock most of the time."""

import threading


class Once:
    def __init__(self):
        self.lock = threading.Lock()
        self.done = False
        self.calls = 0

    def run(self):
        if self.done:
            return
        with self.lock:
            if not self.done:
                self.calls += 1
                self.done = True


def main():
    once = Once()
    threads = [threading.Thread(target=once.run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert once.calls == 1


if __name__ == "__main__":
    main()
