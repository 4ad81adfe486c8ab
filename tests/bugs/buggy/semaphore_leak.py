"""Downloads, one at a time; one of them fails."""

import threading

permits = threading.Semaphore(1)
results = {}


def fetch(name):
    if name == "bad":
        raise OSError(name)
    return name.upper()


def download(name):
    try:
        permits.acquire()
        results[name] = fetch(name)
        permits.release()
    except OSError as error:
        results[name] = error


def main():
    threads = [threading.Thread(target=download, args=(name,)) for name in ("good", "bad")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results["good"] == "GOOD"


if __name__ == "__main__":
    main()
