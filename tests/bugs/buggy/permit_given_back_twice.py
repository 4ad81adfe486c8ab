"""A gate that lets one in at a time, with a `finally:` and an `except`.

After reports on pools: the way of the error gives the unit back, too.
"""

import threading


class Gate:
    def __init__(self, limit):
        self.permits = threading.Semaphore(limit)
        self.lock = threading.Lock()
        self.inside = 0
        self.most = 0

    def call(self, work):
        self.permits.acquire()
        try:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            work()
        except ValueError:
            self.permits.release()
        finally:
            with self.lock:
                self.inside -= 1
            self.permits.release()


def fails():
    raise ValueError("no such page")


def fine():
    pass


def main():
    gate = Gate(1)
    threads = [threading.Thread(target=gate.call, args=(work,)) for work in (fails, fine, fine)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gate.most == 1


if __name__ == "__main__":
    main()
