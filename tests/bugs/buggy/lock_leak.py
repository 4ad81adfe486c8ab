"""Names are registered once, under a lock."""

import threading


class Registry:
    def __init__(self):
        self.lock = threading.Lock()
        self.names = set()

    def register(self, name):
        self.lock.acquire()
        if name in self.names:
            return False
        self.names.add(name)
        self.lock.release()
        return True


def main():
    registry = Registry()
    threads = [threading.Thread(target=registry.register, args=(name,)) for name in ("a", "a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.names == {"a", "b"}


if __name__ == "__main__":
    main()
