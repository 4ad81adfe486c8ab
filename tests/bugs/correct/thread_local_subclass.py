"""Calls are counted per thread by a subclass of threading.local."""

import threading


class Calls(threading.local):
    def __init__(self):
        self.count = 0


calls = Calls()
seen = []


def work():
    for _ in range(2):
        calls.count += 1
    seen.append(calls.count)


def main():
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [2, 2]
    assert calls.count == 0


if __name__ == "__main__":
    main()
