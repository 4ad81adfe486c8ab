"""A manager keeps the connections of the host that was asked for last, and closes those of the one before."""

import threading


class Pool:
    def __init__(self):
        self.idle = ["connection"]

    def get(self):
        try:
            return self.idle.pop()
        except AttributeError:
            raise RuntimeError("the pool is closed") from None

    def close(self):
        self.idle = None


class Manager:
    def __init__(self):
        self.pools = {}
        self.lock = threading.Lock()

    def pool(self, host):
        with self.lock:
            if host not in self.pools:
                for old in self.pools.values():
                    old.close()
                self.pools = {host: Pool()}
            return self.pools[host]


def fetch(manager, host):
    pool = manager.pool(host)
    assert pool.get()


def main():
    manager = Manager()
    threads = [threading.Thread(target=fetch, args=(manager, host)) for host in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
