"""Items are grouped by two threads with setdefault."""

import threading

groups = {}


def add(key, item):
    groups.setdefault(key, []).append(item)


def main():
    threads = [threading.Thread(target=add, args=("a", number)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(groups["a"]) == [0, 1, 2]


if __name__ == "__main__":
    main()
