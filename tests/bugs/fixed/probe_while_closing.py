"""A monitor probes a container ten times a second until the container is closed.

After a report on Docker's health checks (moby 28462).
"""

import threading
import time


class Container:
    def __init__(self):
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.healthy = 0
        self.monitor = threading.Thread(target=self.run, name="monitor")

    def run(self):
        while not self.stop.wait(0.1):
            self.probe()

    def probe(self):
        with self.lock:
            self.healthy += 1

    def close(self):
        self.stop.set()
        self.monitor.join()


def main():
    c = Container()
    c.monitor.start()
    time.sleep(0.3)
    c.close()


if __name__ == "__main__":
    main()
