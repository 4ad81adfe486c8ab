"""A daemon thread writes lines in the background."""

import queue
import threading


class Writer:
    def __init__(self):
        self.lines = queue.Queue()
        self.written = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            self.written.append(self.lines.get())
            self.lines.task_done()


def main():
    writer = Writer()
    writer.lines.put("one")
    writer.lines.put("two")
    writer.lines.join()
    assert writer.written == ["one", "two"]


if __name__ == "__main__":
    main()
