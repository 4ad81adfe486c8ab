"""Transfers between accounts lock both, the smaller number first."""

import threading


class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.lock = threading.Lock()


def transfer(source, target, amount):
    first, second = (source, target) if source.number < target.number else (target, source)
    with first.lock, second.lock:
        source.balance -= amount
        target.balance += amount


def main():
    accounts = [Account(number, 100) for number in range(3)]
    pairs = [(0, 1), (1, 2), (2, 0)]
    threads = [threading.Thread(target=transfer, args=(accounts[a], accounts[b], 10)) for a, b in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [account.balance for account in accounts] == [100, 100, 100]


if __name__ == "__main__":
    main()
