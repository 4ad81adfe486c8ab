"""Errors of threads are collected by the program's own hook."""

import threading

errors = []


def collect(details):
    errors.append(details.exc_type.__name__)


def work(number):
    if number % 2:
        raise ValueError(number)


def main():
    threading.excepthook = collect
    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["ValueError"]


if __name__ == "__main__":
    main()
