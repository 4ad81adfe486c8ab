"""A daemon that is woken for work, and stopped.

After a report on Apache Derby's daemon service.
"""

import threading
from dataclasses import dataclass, field


@dataclass
class Daemon:
    cond: threading.Condition = field(default_factory=threading.Condition)
    awake: bool = False
    stopped: bool = False
    served: int = 0

    def rest(self):
        with self.cond:
            while not self.awake and not self.stopped:
                self.cond.wait()
            self.awake = False
            return self.stopped

    def run(self):
        while not self.rest():
            self.served += 1

    def wake(self):
        with self.cond:
            self.awake = True
            self.cond.notify()

    def stop(self):
        with self.cond:
            self.stopped = True
            self.cond.notify()


def main():
    daemon = Daemon()
    t = threading.Thread(target=daemon.run)
    t.start()
    daemon.wake()
    daemon.stop()
    t.join()


if __name__ == "__main__":
    main()
