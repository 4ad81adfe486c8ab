"""Stock is reduced by two orders; every access is locked."""

import threading


class Stock:
    def __init__(self, pieces):
        self.pieces = pieces
        self.lock = threading.Lock()

    def order(self, number):
        with self.lock:
            pieces = self.pieces
            left = pieces - number
            self.pieces = left


def main():
    stock = Stock(10)
    orders = [threading.Thread(target=stock.order, args=(3,)) for _ in range(2)]
    for order in orders:
        order.start()
    for order in orders:
        order.join()
    assert stock.pieces == 4, stock.pieces


if __name__ == "__main__":
    main()
