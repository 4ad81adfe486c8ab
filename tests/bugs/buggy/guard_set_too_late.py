"""Two threads stop a watch, and each closes its pipe, since the flag is set only after that."""

import threading


class Pipe:
    def __init__(self):
        self.closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("closed twice")
        self.closed = True


class Watch:
    def __init__(self):
        self.pipe = Pipe()
        self.stopped = False
        self.lock = threading.Lock()

    def stop(self):
        if not self.stopped:
            self.pipe.close()
            self.stopped = True


def main():
    watch = Watch()
    threads = [threading.Thread(target=watch.stop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
