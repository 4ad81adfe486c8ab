"""Two jobs need a printer and a scanner."""

import threading

printer = threading.Semaphore(1)
scanner = threading.Semaphore(1)
done = []


def copy(page):
    with printer:
        with scanner:
            done.append(page)


def fax(page):
    with scanner:
        with printer:
            done.append(page)


def main():
    jobs = [threading.Thread(target=copy, args=(1,)), threading.Thread(target=fax, args=(2,))]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert sorted(done) == [1, 2]


if __name__ == "__main__":
    main()
