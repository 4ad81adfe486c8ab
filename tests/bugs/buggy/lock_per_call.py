"""A hit counter, under a lock."""

import threading


class Page:
    def __init__(self):
        self.hits = 0

    def count(self, hits):
        return hits + 1

    def visit(self):
        lock = threading.Lock()
        with lock:
            self.hits = self.count(self.hits)


def main():
    page = Page()
    visitors = [threading.Thread(target=page.visit) for _ in range(2)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert page.hits == 2, page.hits


if __name__ == "__main__":
    main()
