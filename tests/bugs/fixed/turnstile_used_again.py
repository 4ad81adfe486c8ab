"""Three workers meet after each of two rounds."""

import threading

N = 3
here = 0
mutex = threading.Semaphore(1)
entrance = threading.Semaphore(0)
exit_ = threading.Semaphore(1)


def meet():
    global here
    with mutex:
        here += 1
        if here == N:
            exit_.acquire()
            entrance.release()
    entrance.acquire()
    entrance.release()
    with mutex:
        here -= 1
        if here == 0:
            entrance.acquire()
            exit_.release()
    exit_.acquire()
    exit_.release()


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
