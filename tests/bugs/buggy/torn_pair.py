"""A point on the diagonal moves while it is drawn."""

import threading


class Point:
    def __init__(self):
        self.x = 1
        self.y = 1

    def move(self, to):
        self.x = to
        self.y = to


def main():
    point, drawn = Point(), []

    def draw():
        drawn.append((point.x, point.y))

    drawer = threading.Thread(target=draw)
    drawer.start()
    point.move(3)
    drawer.join()
    x, y = drawn[0]
    assert x == y, f"drawn beside the diagonal: {x}, {y}"


if __name__ == "__main__":
    main()
