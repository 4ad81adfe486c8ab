"""A registry hands out the position of each record that is added."""

import threading


class Registry:
    def __init__(self):
        self.records = []
        self.lock = threading.Lock()

    def add(self, record):
        with self.lock:
            self.records.append(record)
            return len(self.records) - 1


def main():
    registry, numbers = Registry(), []
    threads = [threading.Thread(target=lambda name=name: numbers.append(registry.add(name))) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [0, 1], numbers


if __name__ == "__main__":
    main()
