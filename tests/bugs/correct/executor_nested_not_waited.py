"""A task of a pool submits another one and does not wait for it."""

from concurrent.futures import ThreadPoolExecutor


def leaf(number):
    return number + 1


def root(pool):
    return pool.submit(leaf, 1)


def main():
    with ThreadPoolExecutor(max_workers=1) as pool:
        inner = pool.submit(root, pool).result()
        assert inner.result() == 2


if __name__ == "__main__":
    main()
