"""A lock for each address, removed by whoever is done.

After a report on Hugo's locks of remote resources (hugo 3251).
"""

import threading
import time


class RemoteLock:
    def __init__(self):
        self.guard = threading.Lock()
        self.locks = {}
        self.users = {}

    def lock(self, url):
        with self.guard:
            if url not in self.locks:
                self.locks[url] = threading.Lock()
            mine = self.locks[url]
            self.users[url] = self.users.get(url, 0) + 1
        mine.acquire()

    def unlock(self, url):
        with self.guard:
            mine = self.locks[url]
            self.users[url] -= 1
            if not self.users[url]:
                del self.locks[url], self.users[url]
            mine.release()


remote, inside = RemoteLock(), []


def fetch(url):
    remote.lock(url)
    inside.append(url)
    assert len(inside) == 1, inside
    time.sleep(0.01)
    inside.remove(url)
    remote.unlock(url)


def main():
    threads = [threading.Thread(target=fetch, args=("a",)) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


if __name__ == "__main__":
    main()
