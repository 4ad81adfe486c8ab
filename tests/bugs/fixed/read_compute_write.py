"""Interest is added to an account by two jobs."""

import threading


def add_percent(amount, percent):
    return amount + amount * percent // 100


class Account:
    def __init__(self, balance):
        self.balance = balance
        self.lock = threading.Lock()

    def add_interest(self, percent):
        with self.lock:
            self.balance = add_percent(self.balance, percent)


def main():
    account = Account(100)
    jobs = [threading.Thread(target=account.add_interest, args=(10,)) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert account.balance == 121, account.balance


if __name__ == "__main__":
    main()
