"""A result is published with a flag that says that it is ready."""

import threading


class Box:
    def __init__(self):
        self.value = None
        self.ready = False

    def publish(self, value):
        self.value = value
        self.ready = True

    def peek(self):
        return self.value if self.ready else "nothing yet"


def main():
    box = Box()
    writer = threading.Thread(target=box.publish, args=("result",))
    writer.start()
    seen = box.peek()
    writer.join()
    assert seen in ("result", "nothing yet"), seen


if __name__ == "__main__":
    main()
