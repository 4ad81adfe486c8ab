"""A producer signals every item with a semaphore."""

import threading

available = threading.Semaphore(0)
items = []


def produce():
    for number in range(2):
        items.append(number)
        available.release()


def main():
    taken = []
    producer = threading.Thread(target=produce)
    producer.start()
    for _ in range(2):
        available.acquire()
        taken.append(items.pop(0))
    producer.join()
    assert taken == [0, 1]


if __name__ == "__main__":
    main()
