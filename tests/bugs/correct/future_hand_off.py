"""A thread computes a table and hands it over in a future."""

import threading
from concurrent.futures import Future


def compute(future):
    table = {}
    for number in range(3):
        table[number] = number * number
    future.set_result(table)


def main():
    future = Future()
    thread = threading.Thread(target=compute, args=(future,))
    thread.start()
    table = future.result()
    table[3] = 9
    assert table == {0: 0, 1: 1, 2: 4, 3: 9}
    thread.join()


if __name__ == "__main__":
    main()
