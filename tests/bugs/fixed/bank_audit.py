"""An audit sums two accounts while money moves between them."""

import threading


class Bank:
    def __init__(self):
        self.lock = threading.Lock()
        self.accounts = {"a": 100, "b": 100}

    def add(self, name, amount):
        with self.lock:
            self.accounts[name] += amount

    def transfer(self, source, target, amount):
        with self.lock:
            self.accounts[source] -= amount
            self.accounts[target] += amount

    def total(self):
        with self.lock:
            return sum(self.accounts.values())


def main():
    bank = Bank()
    mover = threading.Thread(target=bank.transfer, args=("a", "b", 50))
    mover.start()
    total = bank.total()
    mover.join()
    assert total == 200, f"the audit found {total}"


if __name__ == "__main__":
    main()
