"""Three workers meet after each of two rounds."""

import threading

N = 3
here = 0
mutex = threading.Semaphore(1)
turnstile = threading.Semaphore(0)


def meet():
    global here
    with mutex:
        here += 1
        if here == N:
            turnstile.release()
    turnstile.acquire()
    turnstile.release()
    with mutex:
        here -= 1
        if here == 0:
            turnstile.acquire()


def work():
    for _ in range(2):
        meet()


def main():
    threads = [threading.Thread(target=work) for _ in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
