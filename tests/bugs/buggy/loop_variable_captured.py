"""A thread for each name greets it."""

import threading

greeted = []


def greet(name):
    greeted.append(name)


def main():
    threads = []
    for name in ("ann", "bob"):
        thread = threading.Thread(target=lambda: greet(name))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    assert sorted(greeted) == ["ann", "bob"], greeted


if __name__ == "__main__":
    main()
