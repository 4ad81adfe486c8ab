"""Three philosophers dine."""

import threading

forks = [threading.Lock() for _ in range(3)]
meals = [0, 0, 0]


def dine(seat):
    left, right = seat, (seat + 1) % 3
    with forks[min(left, right)]:
        with forks[max(left, right)]:
            meals[seat] += 1


def main():
    philosophers = [threading.Thread(target=dine, args=(seat,)) for seat in range(3)]
    for philosopher in philosophers:
        philosopher.start()
    for philosopher in philosophers:
        philosopher.join()
    assert meals == [1, 1, 1]


if __name__ == "__main__":
    main()
