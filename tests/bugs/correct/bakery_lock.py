"""Lamport's bakery: everybody takes a number, and waits in a loop for those with a lower one."""

import threading

N = 3
choosing = [False] * N
number = [0] * N
total = 0


def lock(me):
    choosing[me] = True
    number[me] = 1 + max(number)
    choosing[me] = False
    for other in range(N):
        while choosing[other]:
            pass
        while number[other] != 0 and (number[other], other) < (number[me], me):
            pass


def unlock(me):
    number[me] = 0


def work(me):
    global total
    lock(me)
    before = total
    total = before + 1
    unlock(me)


def main():
    threads = [threading.Thread(target=work, args=(me,)) for me in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert total == N


if __name__ == "__main__":
    main()
