"""A task of a pool fails and the caller uses a default."""

from concurrent.futures import ThreadPoolExecutor


def parse(text):
    return int(text)


def value_of(future):
    try:
        return future.result()
    except ValueError:
        return -1


def main():
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(parse, text) for text in ("1", "x")]
        assert [value_of(future) for future in futures] == [1, -1]


if __name__ == "__main__":
    main()
