"""Three philosophers think for a while, and dine."""

import random
import threading
import time

forks = [threading.Lock() for _ in range(3)]
meals = [0, 0, 0]


def live(seat):
    left, right = forks[seat], forks[(seat + 1) % 3]
    for _ in range(2):
        time.sleep(random.random() / 100)
        left.acquire()
        right.acquire()
        meals[seat] += 1
        right.release()
        left.release()


def main():
    philosophers = [threading.Thread(target=live, args=(seat,)) for seat in range(3)]
    for philosopher in philosophers:
        philosopher.start()
    for philosopher in philosophers:
        philosopher.join()
    assert meals == [2, 2, 2]


if __name__ == "__main__":
    main()
