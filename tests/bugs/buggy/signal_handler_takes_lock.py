"""A server that prints its numbers when it gets SIGTERM."""

import signal
import threading


class Server:
    def __init__(self):
        self.lock = threading.Lock()
        self.served = 0
        self.asked = False

    def report(self, number, frame):
        with self.lock:
            print("served", self.served)

    def serve(self):
        for _ in range(2):
            with self.lock:
                self.served += 1


def main():
    server = Server()
    signal.signal(signal.SIGTERM, server.report)
    asker = threading.Thread(target=signal.raise_signal, args=(signal.SIGTERM,))
    asker.start()
    server.serve()
    asker.join()
    assert server.served == 2


if __name__ == "__main__":
    main()
