"""Loads of one key are joined: the first one loads, the others wait for it.

After reports on caches: who loads fails, and tells nobody.
"""

import threading


class Flights:
    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = {}
        self.answers = {}

    def load(self, key, source):
        with self.lock:
            if key in self.answers:
                return self.answers[key]
            done = self.waiting.get(key)
            leads = done is None
            if leads:
                done = self.waiting[key] = threading.Event()
        if not leads:
            done.wait()
            return self.answers.get(key)
        try:
            answer = self.answers[key] = source(key)
            return answer
        finally:
            with self.lock:
                del self.waiting[key]
            done.set()


def source(key):
    if key == "bad":
        raise KeyError(key)
    return key * 2


def main():
    flights = Flights()

    def ask():
        try:
            flights.load("bad", source)
        except KeyError:
            pass

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
