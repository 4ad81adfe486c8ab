"""A log that is written under a lock, and a handler of a signal that raises."""

import os
import signal
import threading


class Stop(Exception):
    pass


def handler(number, frame):
    raise Stop


lock = threading.Lock()
lines = []


def write(line):
    lock.acquire()
    lines.append(line)
    lock.release()


def killer():
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    signal.signal(signal.SIGTERM, handler)
    thread = threading.Thread(target=killer)
    try:
        thread.start()
        write("one")
        thread.join()
    except Stop:
        pass
    write("bye")
    thread.join()


if __name__ == "__main__":
    main()
