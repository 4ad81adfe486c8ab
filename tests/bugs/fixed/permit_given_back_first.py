"""A pool of two connections, with a semaphore that counts those that are free."""

import contextlib
import threading


class Pool:
    def __init__(self, connections):
        self.free = list(connections)
        self.permits = threading.Semaphore(len(self.free))

    @contextlib.contextmanager
    def connection(self):
        self.permits.acquire()
        connection = self.free.pop()
        try:
            yield connection
        finally:
            self.free.append(connection)
            self.permits.release()


pool = Pool(["first", "second"])
answers = []


def ask(number):
    with pool.connection() as connection:
        answers.append((number, connection))


def main():
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4


if __name__ == "__main__":
    main()
