"""A pool of connections: who finds none waits, up to a limit new ones are made."""

import threading


class Pool:
    def __init__(self, limit):
        self.limit = limit
        self.idle = []
        self.made = 0
        self.condition = threading.Condition()

    def take(self):
        with self.condition:
            while not self.idle and self.made >= self.limit:
                self.condition.wait()
            if self.idle:
                return self.idle.pop()
            self.made += 1
        return object()

    def give(self, connection):
        with self.condition:
            self.idle.append(connection)
            self.condition.notify()


def main():
    pool, used = Pool(1), []

    def work():
        connection = pool.take()
        used.append(connection)
        pool.give(connection)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, used))) == 1


if __name__ == "__main__":
    main()
