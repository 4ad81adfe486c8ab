"""A handle of a pipe that two threads close.

The second close hits whatever has got the same number meanwhile.
"""

import os
import threading


class Handle:
    def __init__(self, number):
        self.number = number

    def close(self):
        if self.number >= 0:
            os.close(self.number)
            self.number = -1


def main():
    reader, writer = os.pipe()
    os.close(writer)
    handle = Handle(reader)
    errors = []

    def close():
        try:
            handle.close()
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


if __name__ == "__main__":
    main()
