"""A price and the tax on it, each with its lock."""

import threading


class Article:
    def __init__(self):
        self.price = 10
        self.tax = 1
        self.price_lock = threading.Lock()
        self.tax_lock = threading.Lock()

    def change(self, price):
        with self.price_lock:
            self.price = price
        with self.tax_lock:
            self.tax = price // 10

    def read(self):
        with self.price_lock:
            price = self.price
        with self.tax_lock:
            return price, self.tax


def main():
    article = Article()
    changer = threading.Thread(target=article.change, args=(20,))
    changer.start()
    price, tax = article.read()
    changer.join()
    assert tax == price // 10, f"price {price} with tax {tax}"


if __name__ == "__main__":
    main()
