"""Three stages hand work on in a ring; each locks itself and its successor."""

import threading


class Stage:
    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.moved = 0


def hand_on(stage, successor):
    with stage.lock:
        with successor.lock:
            stage.moved -= 1
            successor.moved += 1


def main():
    x, y, z = Stage("x"), Stage("y"), Stage("z")
    pairs = [(x, y), (y, z), (z, x)]
    threads = [threading.Thread(target=hand_on, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.moved == y.moved == z.moved == 0


if __name__ == "__main__":
    main()
