"""A consumer sums numbers that a producer reads from text."""

import queue
import threading


class Summer:
    def __init__(self):
        self.texts = queue.Queue(maxsize=1)
        self.total = 0
        self.thread = threading.Thread(target=self.consume)

    def consume(self):
        while (text := self.texts.get()) is not None:
            try:
                self.total += int(text)
            except ValueError:
                pass


def main():
    summer = Summer()
    summer.thread.start()
    for text in ["1", "x", "2", "3"]:
        summer.texts.put(text)
    summer.texts.put(None)
    summer.thread.join()


if __name__ == "__main__":
    main()
