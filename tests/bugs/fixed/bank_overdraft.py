"""Two withdrawals from an account that must not go below zero."""

import threading


class Account:
    def __init__(self, balance):
        self._balance = balance
        self._lock = threading.Lock()

    def balance(self):
        with self._lock:
            return self._balance

    def withdraw(self, amount):
        with self._lock:
            self._balance -= amount

    def withdraw_if_covered(self, amount):
        with self._lock:
            if self._balance >= amount:
                self._balance -= amount


def main():
    account = Account(100)
    threads = [threading.Thread(target=account.withdraw_if_covered, args=(80,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance() >= 0, f"overdrawn: {account.balance()}"


if __name__ == "__main__":
    main()
