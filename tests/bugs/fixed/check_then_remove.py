"""Two workers look for a job in a list; one of them gets it."""

import threading

jobs = ["job"]
done = []


def claim(name):
    try:
        jobs.remove("job")
    except ValueError:
        return
    done.append(name)


def main():
    workers = [threading.Thread(target=claim, args=(name,)) for name in ("ann", "bob")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(done) == 1, done


if __name__ == "__main__":
    main()
