"""Two directories are measured in a pool; each submits its files to the same pool."""

from concurrent.futures import ThreadPoolExecutor


def measure_file(size):
    return size


def measure_directory(pool, sizes):
    futures = [pool.submit(measure_file, size) for size in sizes]
    return sum(future.result() for future in futures)


def main():
    with ThreadPoolExecutor(max_workers=2) as pool:
        directories = [pool.submit(measure_directory, pool, sizes) for sizes in ([1, 2], [3])]
        totals = [directory.result() for directory in directories]
    assert totals == [3, 3]


if __name__ == "__main__":
    main()
