"""Money goes from one account to another, each with a lock of its own, while an auditor adds up all."""

import threading


class Account:
    def __init__(self, balance):
        self.balance = balance
        self.lock = threading.RLock()

    def withdraw(self, amount):
        with self.lock:
            self.balance -= amount

    def deposit(self, amount):
        with self.lock:
            self.balance += amount


class Bank:
    def __init__(self, *balances):
        self.accounts = [Account(balance) for balance in balances]

    def transfer(self, source, target, amount):
        one, other = self.accounts[source], self.accounts[target]
        one.withdraw(amount)
        other.deposit(amount)

    def total(self):
        for account in self.accounts:
            account.lock.acquire()
        total = sum(account.balance for account in self.accounts)
        for account in self.accounts:
            account.lock.release()
        return total


def main():
    bank = Bank(100, 100)

    def audit():
        assert bank.total() == 200

    threads = [threading.Thread(target=bank.transfer, args=(0, 1, 30)), threading.Thread(target=audit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
