import plait


def spin():
    n = 0
    while True:
        n += 1


if __name__ == "__main__":
    with plait.Pool("process", workers=1) as pool:
        pool.submit(spin).result()
