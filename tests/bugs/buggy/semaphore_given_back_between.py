"""The last ticket is sold twice, though a semaphore is around each use of the number."""

import threading


class Tickets:
    def __init__(self, left):
        self.left = left
        self.mutex = threading.Semaphore(1)

    def available(self):
        with self.mutex:
            return self.left > 0

    def sell(self):
        with self.mutex:
            self.left -= 1


def buy(tickets):
    if tickets.available():
        tickets.sell()


def main():
    tickets = Tickets(left=1)
    buyers = [threading.Thread(target=buy, args=(tickets,)) for _ in range(2)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join()
    assert tickets.left == 0, f"left: {tickets.left}"


if __name__ == "__main__":
    main()
