"""Two workers take numbers from one generator."""

import threading


def make_numbers(limit):
    for number in range(limit):
        yield number


def main():
    numbers, taken, lock = make_numbers(4), [], threading.Lock()

    def work():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            taken.append(number)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == [0, 1, 2, 3], taken


if __name__ == "__main__":
    main()
