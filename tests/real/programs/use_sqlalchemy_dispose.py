"""SQLAlchemy: a pool is disposed of while a connection is returned; its count of connections must come back to 0."""

import threading

from sqlalchemy.pool import QueuePool


class Connection:
    def rollback(self):
        pass

    def close(self):
        pass


def main():
    pool = QueuePool(Connection, pool_size=1, max_overflow=0, timeout=5)

    def use():
        pool.connect().close()

    thread = threading.Thread(target=use)
    thread.start()
    pool.dispose()
    thread.join()
    assert pool.checkedout() == 0, pool.status()


if __name__ == "__main__":
    main()
