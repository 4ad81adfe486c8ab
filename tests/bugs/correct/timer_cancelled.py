"""A timer and its cancellation, decided under a lock."""

import threading


class Alarm:
    def __init__(self):
        self.lock = threading.Lock()
        self.state = "armed"
        self.timer = threading.Timer(0.5, self.change, args=("rung",))

    def change(self, state):
        with self.lock:
            if self.state == "armed":
                self.state = state

    def cancel(self):
        self.timer.cancel()
        self.change("cancelled")


def main():
    alarm = Alarm()
    alarm.timer.start()
    alarm.cancel()
    alarm.timer.join()
    assert alarm.state in ("rung", "cancelled")


if __name__ == "__main__":
    main()
