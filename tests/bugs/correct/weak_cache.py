"""A cache that holds its values weakly."""

import threading
import weakref


class Image:
    def __init__(self, name):
        self.name = name


cache = weakref.WeakValueDictionary()


def load(name):
    image = cache.get(name)
    if image is None:
        image = Image(name)
        cache[name] = image
    return image


def main():
    names = []

    def show():
        names.append(load("cat").name)

    threads = [threading.Thread(target=show) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["cat", "cat"]


if __name__ == "__main__":
    main()
