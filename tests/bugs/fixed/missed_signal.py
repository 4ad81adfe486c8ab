"""A worker waits for the starting shot."""

import threading

start = threading.Event()
finished = []


def run(name):
    start.wait()
    finished.append(name)


def main():
    runner = threading.Thread(target=run, args=("ann",))
    runner.start()
    start.set()
    runner.join()
    assert finished == ["ann"]


if __name__ == "__main__":
    main()
