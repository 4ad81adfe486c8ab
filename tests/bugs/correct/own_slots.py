"""Partial sums, one element of a list per thread."""

import threading


def add_up(sums, index, numbers):
    for number in numbers:
        sums[index] += number


def main():
    sums = [0, 0]
    parts = ([1, 2], [3, 4])
    threads = [threading.Thread(target=add_up, args=(sums, index, part)) for index, part in enumerate(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [3, 7]


if __name__ == "__main__":
    main()
