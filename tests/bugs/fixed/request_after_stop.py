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
        while True:
            try:
                request = self.status_requests.get_nowait()
            except queue.Empty:
                return
            request.put("stopped")

    def status(self):
        reply = queue.Queue(1)
        self.status_requests.put(reply)
        while True:
            try:
                return reply.get(timeout=1)
            except queue.Empty:
                if self.done.is_set():
                    return "stopped"

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
