"""Results are appended to one list by many threads."""

import threading

results = []


def work(number):
    results.append(number * number)


def main():
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 4, 9]


if __name__ == "__main__":
    main()
