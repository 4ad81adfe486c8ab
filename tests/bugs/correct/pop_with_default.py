"""Workers claim a job by popping it."""

import threading

jobs = {"job": "print"}
claimed = []


def claim(name):
    job = jobs.pop("job", None)
    if job is not None:
        claimed.append(name)


def main():
    threads = [threading.Thread(target=claim, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 1


if __name__ == "__main__":
    main()
