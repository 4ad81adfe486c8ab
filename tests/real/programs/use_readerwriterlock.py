"""readerwriterlock: what is written under the lock belongs together, and readers see both."""

import threading

from readerwriterlock import rwlock

lock = rwlock.RWLockFair()
pair = [0, 0]


def write(number):
    with lock.gen_wlock():
        pair[0] = number
        pair[1] = number


def read():
    with lock.gen_rlock():
        assert pair[0] == pair[1], pair


def main():
    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    threads += [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
