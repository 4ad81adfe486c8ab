"""Numbers for orders from itertools.count."""

import itertools
import threading

numbers = itertools.count()
orders = {}


def order(name):
    orders[name] = next(numbers)


def main():
    threads = [threading.Thread(target=order, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(orders.values()) == [0, 1, 2]


if __name__ == "__main__":
    main()
