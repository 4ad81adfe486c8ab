"""Set-up locks in one order, the worker in the other."""

import threading


class Pair:
    def __init__(self):
        self.left = threading.Lock()
        self.right = threading.Lock()
        self.swaps = 0

    def set_up(self):
        with self.right, self.left:
            self.swaps = 0

    def swap(self):
        with self.left, self.right:
            self.swaps += 1


def main():
    pair = Pair()
    pair.set_up()
    threads = [threading.Thread(target=pair.swap) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pair.set_up()


if __name__ == "__main__":
    main()
