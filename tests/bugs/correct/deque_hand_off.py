"""A producer hands items to a consumer through a deque."""

import threading
import time
from collections import deque


def produce(items):
    for number in range(3):
        items.append(number)
    items.append(None)


def consume(items, taken):
    while True:
        try:
            item = items.popleft()
        except IndexError:
            time.sleep(0.001)
            continue
        if item is None:
            return
        taken.append(item)


def main():
    items, taken = deque(), []
    threads = [
        threading.Thread(target=consume, args=(items, taken)),
        threading.Thread(target=produce, args=(items,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [0, 1, 2]


if __name__ == "__main__":
    main()
