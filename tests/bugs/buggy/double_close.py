"""A file is closed by whoever comes first."""

import threading


class Handle:
    def __init__(self):
        self.open = True

    def release(self):
        if not self.open:
            raise RuntimeError("released twice")
        self.open = False


class File:
    def __init__(self):
        self.handle = Handle()
        self.closed = False

    def flush(self):
        pass

    def close(self):
        if not self.closed:
            self.flush()
            self.closed = True
            self.handle.release()


def main():
    file = File()
    other = threading.Thread(target=file.close)
    other.start()
    file.close()
    other.join()


if __name__ == "__main__":
    main()
