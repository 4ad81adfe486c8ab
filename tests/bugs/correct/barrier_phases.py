"""Two workers compute in two phases, with a barrier between."""

import threading

barrier = threading.Barrier(2)
first = [0, 0]
second = [0, 0]


def work(number):
    first[number] = number + 1
    barrier.wait()
    second[number] = first[1 - number] * 10


def main():
    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert second == [20, 10]


if __name__ == "__main__":
    main()
