"""Money moves between accounts on many threads: with a lock it is all there at the end, without one it may not be.

The mistake people make: reading a balance, doing something, and writing it back. Between the two another thread may
have changed it, and that change is lost. The GIL does not help: it changes hands wherever a function is called.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import plait

ACCOUNTS, PAYMENTS, AMOUNT = 4, 400, 10


class Bank:
    """Accounts with 1000 each."""

    def __init__(self) -> None:
        self.balances = [1000] * ACCOUNTS
        self._lock = threading.Lock()

    def pay_unsafely(self, source: int, target: int) -> None:
        """Read, look something up, write: other threads get their turn in between."""
        before = self.balances[source], self.balances[target]
        time.sleep(0)  # stands for a look-up: here the thread lets others run
        self.balances[source] = before[0] - AMOUNT
        self.balances[target] = before[1] + AMOUNT

    def pay(self, source: int, target: int) -> None:
        """The same, one at a time: whoever comes while another is inside waits at the ``with``."""
        with self._lock:
            self.pay_unsafely(source, target)


def total_after(pay: Callable[[Bank, int, int], None]) -> int:
    """What all accounts have together after many payments at the same time."""
    bank = Bank()

    def make_payments(clerk: int) -> None:
        for number in range(PAYMENTS):
            source = (clerk + number) % ACCOUNTS
            pay(bank, source, (source + 1) % ACCOUNTS)

    with plait.scope() as s:
        for clerk in range(8):
            s.submit(make_payments, clerk)
    return sum(bank.balances)


def main() -> None:
    """Print both totals."""
    print(f"in the bank before:           {1000 * ACCOUNTS}")
    print(f"after payments with a lock:   {total_after(Bank.pay)}")
    print(f"after payments without:       {total_after(Bank.pay_unsafely)}  <- anything may stand here")


if __name__ == "__main__":
    main()
