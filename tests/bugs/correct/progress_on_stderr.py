"""Workers say on stderr how far they are."""

import sys
import threading


def work(number, results):
    print(f"worker {number} begins", file=sys.stderr)
    results[number] = number * 10


def main():
    results = {}
    threads = [threading.Thread(target=work, args=(number, results)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sorted(results.items()))


if __name__ == "__main__":
    main()
