"""A connection is closed by a message that comes over it.

After a report on Syncthing's connections (syncthing 5795).
"""

import queue
import threading


class Connection:
    def __init__(self):
        self.inbox = queue.Queue()
        self.closed = threading.Event()
        self.dispatcher_done = threading.Event()
        self.thread = threading.Thread(target=self.dispatcher, name="dispatcher")

    def dispatcher(self):
        try:
            while True:
                message = self.inbox.get()
                if message == "close":
                    self.close(in_loop=True)
                    return
        finally:
            self.dispatcher_done.set()

    def close(self, in_loop=False):
        self.closed.set()
        self.dispatcher_done.wait()


def main():
    c = Connection()
    c.thread.start()
    c.inbox.put("close")
    c.thread.join()


if __name__ == "__main__":
    main()
