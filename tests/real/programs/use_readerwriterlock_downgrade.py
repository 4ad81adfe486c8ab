"""readerwriterlock: a writer goes on as a reader, and nobody writes in between; downgrade() sleeps and hopes for that."""

import threading

from readerwriterlock import rwlock

lock = rwlock.RWLockReadD()
value = 0


def bump(number):
    return number + 1


def write():
    global value
    writer = lock.gen_wlock()
    writer.acquire()
    value = bump(value)
    mine = value
    reader = writer.downgrade()
    assert value == mine, (value, mine)
    reader.release()


def main():
    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
