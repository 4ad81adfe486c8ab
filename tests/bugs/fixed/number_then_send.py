"""A channel that numbers what it sends.

After reports on protocols with sequence numbers: the number is given under the lock, and sent without it.
"""

import queue
import threading


class Channel:
    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
        self.wire = queue.Queue()

    def send(self, text):
        with self.lock:
            self.number += 1
            self.wire.put((self.number, text))


def main():
    channel = Channel()
    threads = [threading.Thread(target=channel.send, args=(text,)) for text in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [channel.wire.get()[0] for _ in threads]
    assert numbers == [1, 2]


if __name__ == "__main__":
    main()
