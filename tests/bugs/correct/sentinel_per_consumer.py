"""A producer and two consumers with sentinels."""

import queue
import threading


def consume(items, taken):
    while True:
        item = items.get()
        if item is None:
            break
        taken.append(item)


def main():
    items, taken = queue.Queue(maxsize=2), []
    consumers = [threading.Thread(target=consume, args=(items, taken)) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for item in (1, 2, 3):
        items.put(item)
    for _ in consumers:
        items.put(None)
    for consumer in consumers:
        consumer.join()
    assert sorted(taken) == [1, 2, 3]


if __name__ == "__main__":
    main()
