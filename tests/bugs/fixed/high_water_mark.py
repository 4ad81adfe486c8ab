"""The slowest request is remembered."""

import threading


class Slowest:
    def __init__(self):
        self.seconds = 0
        self.lock = threading.Lock()
        self.reports = []

    def measure(self, seconds):
        with self.lock:
            if seconds > self.seconds:
                self.reports.append(seconds)
                self.seconds = seconds


def main():
    slowest = Slowest()
    threads = [threading.Thread(target=slowest.measure, args=(seconds,)) for seconds in (5, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slowest.seconds == 9, slowest.seconds


if __name__ == "__main__":
    main()
