"""Two workers empty a queue."""

import queue
import threading


def work(jobs, done):
    while not jobs.empty():
        done.append(jobs.get_nowait())


def main():
    jobs, done = queue.Queue(), []
    for number in range(2):
        jobs.put(number)
    workers = [threading.Thread(target=work, args=(jobs, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(done) == [0, 1], done


if __name__ == "__main__":
    main()
