"""A lock that is taken by main and released by the worker when it is ready."""

import threading

ready = threading.Lock()
values = []


def prepare():
    values.append("value")
    ready.release()


def main():
    ready.acquire()
    thread = threading.Thread(target=prepare)
    thread.start()
    ready.acquire()
    assert values == ["value"]
    ready.release()
    thread.join()


if __name__ == "__main__":
    main()
