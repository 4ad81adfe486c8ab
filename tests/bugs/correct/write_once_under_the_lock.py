"""A table is filled before the readers start, then only read."""

import threading


class Table:
    def __init__(self):
        self.lock = threading.Lock()
        self.rows = {}

    def fill(self):
        with self.lock:
            for number in range(3):
                self.rows[number] = number * number

    def total(self, totals):
        totals.append(sum(self.rows[number] for number in self.rows))


def main():
    table, totals = Table(), []
    table.fill()
    readers = [threading.Thread(target=table.total, args=(totals,)) for _ in range(2)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert totals == [5, 5]


if __name__ == "__main__":
    main()
