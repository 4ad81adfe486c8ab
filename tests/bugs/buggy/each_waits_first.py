"""Two sides that greet each other, and each is polite: it waits to be greeted before it greets."""

import threading


class Greeting:
    def __init__(self):
        self.from_left = threading.Event()
        self.from_right = threading.Event()

    def left(self):
        self.from_right.wait()
        self.from_left.set()

    def right(self):
        self.from_left.wait()
        self.from_right.set()


def main():
    greeting = Greeting()
    threads = [threading.Thread(target=side) for side in (greeting.left, greeting.right)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
