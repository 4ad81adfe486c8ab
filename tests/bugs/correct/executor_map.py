"""A thread pool maps a function."""

from concurrent.futures import ThreadPoolExecutor


class Shop:
    def __init__(self, prices):
        self.prices = prices

    def price(self, name):
        return self.prices[name] * 2


def main():
    shop = Shop({"tea": 1, "milk": 2, "bread": 3})
    with ThreadPoolExecutor(max_workers=2) as pool:
        prices = list(pool.map(shop.price, ["tea", "milk", "bread"]))
    assert prices == [2, 4, 6]


if __name__ == "__main__":
    main()
