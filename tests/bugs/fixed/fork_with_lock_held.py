"""A program that forks while another thread writes its log."""

import os
import threading
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
lock = threading.Lock()
lines = []


def log(text):
    with lock:
        lines.append(text)


def child():
    got = lock.acquire(timeout=1)
    os._exit(0 if got else 3)


def main():
    thread = threading.Thread(target=log, args=("hello",))
    thread.start()
    with lock:
        pid = os.fork()
    if pid == 0:
        child()
    _, status = os.waitpid(pid, 0)
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0


if __name__ == "__main__":
    main()
