"""Numbers for new orders."""

import threading


class Numbers:
    def __init__(self):
        self.last = 0
        self.lock = threading.Lock()

    def next(self):
        with self.lock:
            self.last += 1
            return self.last


def main():
    numbers, given = Numbers(), []

    def order():
        given.append(numbers.next())

    threads = [threading.Thread(target=order) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(given)) == 2, f"the same number twice: {given}"


if __name__ == "__main__":
    main()
