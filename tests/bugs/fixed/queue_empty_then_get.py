"""Two workers empty a queue and stop."""

import queue
import threading


def work(jobs, done):
    while True:
        try:
            done.append(jobs.get(block=False))
        except queue.Empty:
            return


def main():
    jobs, done = queue.Queue(), []
    jobs.put("job")
    workers = [threading.Thread(target=work, args=(jobs, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert done == ["job"], done


if __name__ == "__main__":
    main()
