"""Two threads make sure that a report file exists in a store."""

import threading


class Store:
    def __init__(self):
        self.files = {}
        self.lock = threading.Lock()

    def exists(self, name):
        with self.lock:
            return name in self.files

    def create(self, name):
        with self.lock:
            if name in self.files:
                raise FileExistsError(name)
            self.files[name] = ""


def ensure(store, name):
    if not store.exists(name):
        store.create(name)


def main():
    store = Store()
    threads = [threading.Thread(target=ensure, args=(store, "report.txt")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.files) == ["report.txt"]


if __name__ == "__main__":
    main()
