"""A connection that is opened when it is first needed, under a lock."""

import threading

opened = []


class Connection:
    def __init__(self):
        opened.append(self)


class Client:
    def __init__(self):
        self.lock = threading.Lock()
        self.connection = None

    def connect(self):
        if self.connection is None:
            with self.lock:
                self.connection = Connection()
        return self.connection


def main():
    client = Client()
    threads = [threading.Thread(target=client.connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1, f"{len(opened)} connections are open"


if __name__ == "__main__":
    main()
