"""Workers take a job each and meet at a barrier."""

import queue
import threading

jobs = queue.Queue()
barrier = threading.Barrier(2)


def work():
    job = jobs.get()
    job()
    barrier.wait()


def main():
    done = []
    jobs.put(lambda: done.append("one"))
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    jobs.put(lambda: done.append("two"))
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
