"""Two workers do a first and a second half; nobody begins the second before all have done the first."""

import threading

WORKERS = 2
barrier = threading.Barrier(WORKERS + 1)
first_half = []
seen = []


def work(number):
    first_half.append(number)
    barrier.wait()
    seen.append(len(first_half))


def main():
    workers = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == [2, 2]


if __name__ == "__main__":
    main()
