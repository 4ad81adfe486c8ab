"""Credentials that are refreshed while requests are signed.

After reports on clients of clouds: the key and the secret are read by two calls, each under the lock.
"""

import threading


class Credentials:
    def __init__(self):
        self.lock = threading.Lock()
        self._key, self._secret = "key1", "secret1"

    def refresh(self):
        key, secret = fetch()
        with self.lock:
            self._key, self._secret = key, secret

    @property
    def key(self):
        with self.lock:
            return self._key

    @property
    def secret(self):
        with self.lock:
            return self._secret


def fetch():
    return "key2", "secret2"


def sign(credentials):
    pair = credentials.key, credentials.secret
    assert pair in (("key1", "secret1"), ("key2", "secret2")), pair


def main():
    credentials = Credentials()
    thread = threading.Thread(target=credentials.refresh)
    thread.start()
    sign(credentials)
    thread.join()


if __name__ == "__main__":
    main()
