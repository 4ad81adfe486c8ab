"""The words of some lines are counted in threads, into a global."""

import threading

total = 0
total_lock = threading.Lock()


def size(line):
    return len(line.split())


def count(line):
    global total
    with total_lock:
        total = total + size(line)


def main():
    lines = ["the quick brown", "fox jumps over it"]
    threads = [threading.Thread(target=count, args=(line,)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == 7, total


if __name__ == "__main__":
    main()
