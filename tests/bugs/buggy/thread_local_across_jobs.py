"""Workers take jobs from a queue; a session is kept in a thread-local."""

import queue
import threading

local = threading.local()


def begin():
    local.session = []


def add(word):
    local.session.append(word)


def clean_up():
    del local.session


def worker(jobs):
    while True:
        job = jobs.get()
        if job is None:
            return
        job()


def main():
    jobs = queue.Queue()
    for job in (begin, lambda: add("word"), clean_up):
        jobs.put(job)
    workers = [threading.Thread(target=worker, args=(jobs,)) for _ in range(2)]
    for _ in workers:
        jobs.put(None)
    for thread in workers:
        thread.start()
    for thread in workers:
        thread.join()


if __name__ == "__main__":
    main()
