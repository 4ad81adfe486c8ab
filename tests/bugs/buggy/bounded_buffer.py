"""A buffer with a limit; who finds it full drops the item."""

import threading


class Buffer:
    def __init__(self, limit):
        self.limit = limit
        self.items = []

    def offer(self, item):
        if len(self.items) < self.limit:
            self.items.append(item)
            return True
        return False


def main():
    buffer = Buffer(limit=1)
    producers = [threading.Thread(target=buffer.offer, args=(number,)) for number in range(2)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join()
    assert len(buffer.items) <= buffer.limit, buffer.items


if __name__ == "__main__":
    main()
