"""Log lines are collected by one thread and flushed by another."""

import threading


class Log:
    def __init__(self):
        self.lines = ["one"]
        self.written = []

    def add(self, line):
        self.lines.append(line)

    def flush(self):
        batch = list(self.lines)
        self.lines.clear()
        self.written.extend(batch)


def main():
    log = Log()
    adder = threading.Thread(target=log.add, args=("two",))
    adder.start()
    log.flush()
    adder.join()
    log.flush()
    assert log.written == ["one", "two"], log.written


if __name__ == "__main__":
    main()
