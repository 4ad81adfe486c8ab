from concurrent.futures import ProcessPoolExecutor


def spin():
    n = 0
    while True:
        n += 1


if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        pool.submit(spin).result()
