"""Requests are collected by threads; who sends takes all of them away and leaves an empty list."""

import threading


class Sender:
    def __init__(self):
        self.batch = []
        self.sent = []

    def add(self, path, status):
        self.batch.append(self.line(path, status))

    def line(self, path, status):
        return f"{status} {path}"

    def send(self):
        batch, self.batch = self.batch, []
        self.sent.extend(batch)


def main():
    sender = Sender()
    worker = threading.Thread(target=sender.add, args=("/", 200))
    worker.start()
    sender.send()
    worker.join()
    sender.send()
    assert sender.sent == ["200 /"], sender.sent


if __name__ == "__main__":
    main()
