"""Locks are taken in both orders, behind a gate."""

import threading

gate = threading.Lock()
a = threading.Lock()
b = threading.Lock()
moved = []


def forth():
    with gate:
        with a:
            with b:
                moved.append("forth")


def back():
    with gate:
        with b:
            with a:
                moved.append("back")


def main():
    threads = [threading.Thread(target=forth), threading.Thread(target=back)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved) == ["back", "forth"]


if __name__ == "__main__":
    main()
