"""A text buffer is appended to another while it is cleared."""

import threading


class TextBuffer:
    def __init__(self, text=""):
        self.letters = list(text)
        self.lock = threading.RLock()

    def length(self):
        with self.lock:
            return len(self.letters)

    def copy(self, count):
        with self.lock:
            return [self.letters[index] for index in range(count)]

    def clear(self):
        with self.lock:
            self.letters = []

    def append(self, other):
        with self.lock:
            count = other.length()
            self.letters += other.copy(count)


def main():
    target, source = TextBuffer(), TextBuffer("hello")
    clearer = threading.Thread(target=source.clear)
    clearer.start()
    target.append(source)
    clearer.join()
    assert target.length() in (0, 5)


if __name__ == "__main__":
    main()
