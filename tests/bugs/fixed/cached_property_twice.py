"""A session whose token is made at first use."""

import itertools
import threading

serial = itertools.count(1)


class Session:
    def __init__(self):
        self._token = None
        self._lock = threading.Lock()

    @property
    def token(self):
        with self._lock:
            if self._token is None:
                self._token = self.make_token()
            return self._token

    def make_token(self):
        return f"token-{next(serial)}"


def main():
    session, seen = Session(), []
    threads = [threading.Thread(target=lambda: seen.append(session.token)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [session.token] * 2, f"{seen} are in use, {session.token} is valid"


if __name__ == "__main__":
    main()
