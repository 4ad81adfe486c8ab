"""A monitor that starts its own thread."""

import threading


class Monitor:
    def __init__(self, limit):
        self.alarms = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.limit = limit

    def run(self):
        for value in (1, 5):
            if value > self.limit:
                self.alarms += 1


def main():
    monitor = Monitor(limit=3)
    monitor.thread.join()
    assert monitor.alarms == 1, monitor.alarms


if __name__ == "__main__":
    main()
