"""A price list that is loaded once, with double-checked locking."""

import threading


class PriceList:
    def __init__(self):
        self.lock = threading.Lock()
        self.loaded = False
        self.prices = {}

    def price(self, name):
        if not self.loaded:
            with self.lock:
                if not self.loaded:
                    self.loaded = True
                    self.prices = self.parse("tea=3")
        return self.prices[name]

    def parse(self, text):
        name, price = text.split("=")
        return {name: int(price)}


def main():
    prices, found = PriceList(), []
    threads = [threading.Thread(target=lambda: found.append(prices.price("tea"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3, 3], found


if __name__ == "__main__":
    main()
