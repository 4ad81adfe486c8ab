"""A node answers questions about its status until it is stopped.

After a report on etcd's raft node (etcd 6857).
"""

import queue
import threading


class Node:
    def __init__(self):
        self.status_requests = queue.Queue()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while True:
            request = self.status_requests.get()
            if request is None:
                break
            request.put("ok")
        self.done.set()

    def status(self):
        reply = queue.Queue(1)
        self.status_requests.put(reply)
        return reply.get()

    def stop(self):
        self.status_requests.put(None)
        self.done.wait()


def main():
    node = Node()
    asker = threading.Thread(target=node.status)
    asker.start()
    node.stop()
    asker.join()
    node.thread.join()


if __name__ == "__main__":
    main()
