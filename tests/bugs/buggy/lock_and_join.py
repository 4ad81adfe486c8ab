"""A server is stopped while a worker finishes."""

import threading


class Server:
    def __init__(self):
        self.lock = threading.Lock()
        self.handled = 0
        self.worker = threading.Thread(target=self.handle)
        self.worker.start()

    def handle(self):
        with self.lock:
            self.handled += 1

    def stop(self):
        with self.lock:
            self.worker.join()
            return self.handled


def main():
    server = Server()
    assert server.stop() == 1


if __name__ == "__main__":
    main()
