"""Results are added up as they come."""

from concurrent.futures import ThreadPoolExecutor, as_completed


def square(number):
    return number * number


def main():
    total = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for future in as_completed([pool.submit(square, number) for number in range(3)]):
            total += future.result()
    assert total == 5


if __name__ == "__main__":
    main()
