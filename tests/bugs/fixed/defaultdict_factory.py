"""Items are grouped by two threads."""

import threading
from collections import defaultdict


def new_group():
    return []


def main():
    groups = defaultdict(new_group)
    lock = threading.Lock()

    def add(item):
        with lock:
            groups["a"].append(item)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(groups["a"]) == [0, 1], groups["a"]


if __name__ == "__main__":
    main()
