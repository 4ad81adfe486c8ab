"""Two threads divide with different precisions, by one decimal.Context."""

import decimal
import threading

context = decimal.Context()


def third(digits, found):
    mine = context
    mine.prec = digits
    found[digits] = mine.divide(decimal.Decimal(1), decimal.Decimal(3))


def main():
    found = {}
    threads = [threading.Thread(target=third, args=(digits, found)) for digits in (3, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {3: decimal.Decimal("0.333"), 8: decimal.Decimal("0.33333333")}, found


if __name__ == "__main__":
    main()
