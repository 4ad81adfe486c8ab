"""A pool gives out a free connection or makes a new one."""

import threading


class Pool:
    def __init__(self):
        self.free = ["connection 1"]
        self.made = 1

    def take(self):
        try:
            return self.free.pop()
        except IndexError:
            return "new connection"

    def give_back(self, connection):
        self.free.append(connection)


def main():
    pool = Pool()

    def query():
        connection = pool.take()
        pool.give_back(connection)

    threads = [threading.Thread(target=query) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
