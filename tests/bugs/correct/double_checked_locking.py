"""A singleton with correct double-checked locking."""

import threading


class Registry:
    _instance = None
    _lock = threading.Lock()

    def __init__(self):
        self.names = ["a", "b"]

    @classmethod
    def instance(cls):
        if cls._instance is None:
            with cls._lock:
                if cls._instance is None:
                    cls._instance = cls()
        return cls._instance


def main():
    seen = []

    def use():
        registry = Registry.instance()
        seen.append((registry, len(registry.names)))

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == seen[1] and seen[0][1] == 2


if __name__ == "__main__":
    main()
