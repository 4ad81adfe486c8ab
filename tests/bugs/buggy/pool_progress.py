"""A thread pool works and counts how much is done."""

from concurrent.futures import ThreadPoolExecutor


class Progress:
    def __init__(self):
        self.done = 0

    def plus_one(self):
        return self.done + 1

    def advance(self):
        self.done = self.plus_one()


def main():
    progress = Progress()

    def work(item):
        progress.advance()
        return item

    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(work, range(3)))
    assert results == [0, 1, 2]
    assert progress.done == 3, f"{progress.done} of 3 done"


if __name__ == "__main__":
    main()
