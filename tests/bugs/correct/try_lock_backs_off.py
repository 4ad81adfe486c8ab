"""Two locks in opposite order, with a try and a retreat."""

import threading
import time


class Fork:
    def __init__(self):
        self.lock = threading.Lock()


def eat(first, second, eaten):
    while True:
        with first.lock:
            if second.lock.acquire(blocking=False):
                try:
                    eaten.append(1)
                    return
                finally:
                    second.lock.release()
        time.sleep(0.001)


def main():
    left, right, eaten = Fork(), Fork(), []
    threads = [
        threading.Thread(target=eat, args=(left, right, eaten)),
        threading.Thread(target=eat, args=(right, left, eaten)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(eaten) == 2


if __name__ == "__main__":
    main()
