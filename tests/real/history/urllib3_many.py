"""urllib3 #1252: a PoolManager with room for one pool, used by two threads for two hosts."""

import threading

import urllib3
from urllib3.connectionpool import HTTPConnectionPool


class Pool(HTTPConnectionPool):
    """Talks to nobody."""

    def urlopen(self, method, url, **options):
        connection = self._get_conn(timeout=1)
        self._put_conn(connection)
        return url


manager = urllib3.PoolManager(num_pools=1)
manager.pool_classes_by_scheme = {"http": Pool}


def get(host):
    pool = manager.connection_from_host(host, 80)
    pool.urlopen("GET", "/")


threads = [threading.Thread(target=get, args=(host,)) for host in ("a", "b")]
for t in threads:
    t.start()
for t in threads:
    t.join()
