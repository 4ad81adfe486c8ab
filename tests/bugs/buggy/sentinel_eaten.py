"""Two consumers work until they see the sentinel."""

import queue
import threading

STOP = object()


def consume(items, taken):
    while True:
        item = items.get()
        if item is STOP:
            return
        taken.append(item)


def main():
    items, taken = queue.Queue(), []
    consumers = [threading.Thread(target=consume, args=(items, taken)) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    items.put(1)
    items.put(STOP)
    for consumer in consumers:
        consumer.join()
    assert taken == [1]


if __name__ == "__main__":
    main()
