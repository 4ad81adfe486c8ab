"""A reader thread that closes its feed when it is at the end, if nobody did before."""

import threading


class Feed:
    def __init__(self):
        self.lock = threading.Lock()
        self.closed = False
        self.thread = threading.Thread(target=self.read)

    def read(self):
        self.close()

    def close(self):
        with self.lock:
            first, self.closed = not self.closed, True
        if first:
            self.thread.join()


def main():
    feed = Feed()
    feed.thread.start()
    feed.close()
    feed.thread.join()


if __name__ == "__main__":
    main()
