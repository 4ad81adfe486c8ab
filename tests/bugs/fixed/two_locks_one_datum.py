"""A till with a lock for deposits and one for withdrawals."""

import threading


class Till:
    def __init__(self):
        self.cash = 100
        self.deposits = threading.Lock()
        self.withdrawals = self.deposits

    def plus(self, amount):
        return self.cash + amount

    def deposit(self, amount):
        with self.deposits:
            self.cash = self.plus(amount)

    def withdraw(self, amount):
        with self.withdrawals:
            self.cash = self.plus(-amount)


def main():
    till = Till()
    threads = [
        threading.Thread(target=till.deposit, args=(50,)),
        threading.Thread(target=till.withdraw, args=(30,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert till.cash == 120, till.cash


if __name__ == "__main__":
    main()
