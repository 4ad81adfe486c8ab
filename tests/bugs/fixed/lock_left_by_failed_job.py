"""Numbers from a file are summed up by a pool; one line is no number."""

import threading
from concurrent.futures import ThreadPoolExecutor

TEXT = ["oops", "7", "5"]


class Total:
    def __init__(self):
        self.lock = threading.Lock()
        self.value = 0

    def add(self, text):
        with self.lock:
            self.value += int(text)


def main():
    total = Total()
    with ThreadPoolExecutor(max_workers=1) as pool:
        jobs = [pool.submit(total.add, text) for text in TEXT]
    failed = sum(job.exception() is not None for job in jobs)
    assert (total.value, failed) == (12, 1)


if __name__ == "__main__":
    main()
