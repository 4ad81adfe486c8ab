"""A driver is stopped when nobody is in it any more.

After the Bluetooth driver that is known from work on model checking (Qadeer and Wu).
"""

import threading


class Driver:
    def __init__(self):
        self.stopping_flag = False
        self.stopped = False
        self.pending_io = 1
        self.stopping_event = threading.Event()
        self.lock = threading.Lock()

    def inc(self):
        with self.lock:
            if self.stopping_flag:
                return False
            self.pending_io += 1
            return True

    def dec(self):
        with self.lock:
            self.pending_io -= 1
            last = self.pending_io == 0
        if last:
            self.stopping_event.set()

    def dispatch(self):
        if self.inc():
            assert not self.stopped, "used after stop"
            self.dec()

    def stop(self):
        with self.lock:
            self.stopping_flag = True
        self.dec()
        self.stopping_event.wait()
        self.stopped = True


def main():
    d = Driver()
    t = threading.Thread(target=d.stop)
    t.start()
    d.dispatch()
    t.join()


if __name__ == "__main__":
    main()
