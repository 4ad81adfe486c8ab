"""urllib3: a pool of one connection with block=True opens one connection and counts every request."""

import threading

from urllib3.connectionpool import HTTPConnectionPool


class Connection:
    is_connected = True

    def __init__(self, **options):
        made.append(self)

    def close(self):
        pass


made = []


class Pool(HTTPConnectionPool):
    ConnectionCls = Connection


def main():
    pool = Pool("localhost", maxsize=1, block=True)

    def use():
        connection = pool._get_conn(timeout=5)
        pool._put_conn(connection)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == pool.num_connections == 1, (len(made), pool.num_connections)


if __name__ == "__main__":
    main()
