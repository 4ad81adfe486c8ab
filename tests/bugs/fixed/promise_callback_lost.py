"""A promise calls those who wait for its value."""

import threading


class Promise:
    def __init__(self):
        self._lock = threading.Lock()
        self._done, self._value, self._callbacks = False, None, []

    def resolve(self, value):
        with self._lock:
            self._done, self._value = True, value
            callbacks = self._callbacks
        for callback in callbacks:
            callback(value)

    def then(self, callback):
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self._value)


def main():
    promise, seen = Promise(), []
    t = threading.Thread(target=promise.resolve, args=(7,))
    t.start()
    promise.then(seen.append)
    t.join()
    assert seen == [7], seen


if __name__ == "__main__":
    main()
