"""One thread takes two locks in one order, later in the other."""

import threading

a = threading.Lock()
b = threading.Lock()
done = []


def tidy():
    with a:
        with b:
            done.append("ab")
    with b:
        with a:
            done.append("ba")


def count():
    with a:
        done.append("a")


def main():
    threads = [threading.Thread(target=tidy), threading.Thread(target=count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["a", "ab", "ba"]


if __name__ == "__main__":
    main()
