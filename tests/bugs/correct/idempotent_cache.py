"""A cache of squares; computing one twice does no harm."""

import threading

squares = {}


def square(number):
    if number not in squares:
        squares[number] = number * number
    return squares[number]


def main():
    found = []
    threads = [threading.Thread(target=lambda: found.append(square(7))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [49, 49, 49]


if __name__ == "__main__":
    main()
