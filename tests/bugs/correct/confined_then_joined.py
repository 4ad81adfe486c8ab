"""An object is passed to a thread and taken back by join."""

import threading


class Report:
    def __init__(self):
        self.lines = 0


def extend(report):
    for _ in range(2):
        report.lines += 1


def main():
    report = Report()
    report.lines += 1
    thread = threading.Thread(target=extend, args=(report,))
    thread.start()
    thread.join()
    report.lines += 1
    assert report.lines == 4


if __name__ == "__main__":
    main()
