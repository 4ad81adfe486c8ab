"""SQLAlchemy: a QueuePool of 1 with 1 overflow never has more than two connections out, and counts them right."""

import threading

from sqlalchemy.pool import QueuePool


class Connection:
    def __init__(self):
        with lock:
            opened.append(self)

    def rollback(self):
        pass

    def close(self):
        with lock:
            opened.remove(self)


lock = threading.Lock()
opened = []


def main():
    pool = QueuePool(Connection, pool_size=1, max_overflow=1, timeout=5)
    most = []

    def use():
        connection = pool.connect()
        most.append(len(opened))
        connection.close()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 2, most
    assert pool.checkedout() == 0, pool.status()
    assert len(opened) == pool.checkedin(), pool.status()


if __name__ == "__main__":
    main()
