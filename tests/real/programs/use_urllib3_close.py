"""urllib3: a pool is closed while a connection is out; nothing but ClosedPoolError may come of it."""

import threading

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ClosedPoolError, EmptyPoolError


class Connection:
    is_connected = True

    def __init__(self, **options):
        opened.append(self)

    def close(self):
        if self in opened:
            opened.remove(self)


opened = []


class Pool(HTTPConnectionPool):
    ConnectionCls = Connection


def main():
    pool = Pool("localhost", maxsize=1)

    def use():
        try:
            connection = pool._get_conn()
        except (ClosedPoolError, EmptyPoolError):
            return
        pool._put_conn(connection)

    thread = threading.Thread(target=use)
    thread.start()
    pool.close()
    thread.join()
    pool.close()
    assert opened == [], "a connection was left open"


if __name__ == "__main__":
    main()
