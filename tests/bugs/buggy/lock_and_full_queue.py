"""A producer and a consumer log what they do under a common lock."""

import queue
import threading

log = []
log_lock = threading.Lock()


def produce(items):
    with log_lock:
        for number in range(2):
            items.put(number)
            log.append(f"put {number}")


def consume(items):
    for _ in range(2):
        with log_lock:
            log.append("taking")
        items.get()


def main():
    items = queue.Queue(maxsize=1)
    producer = threading.Thread(target=produce, args=(items,))
    consumer = threading.Thread(target=consume, args=(items,))
    producer.start()
    consumer.start()
    producer.join()
    consumer.join()
    assert len(log) == 4


if __name__ == "__main__":
    main()
