"""tqdm: two threads with a bar each."""

import io
import threading

from tqdm import tqdm


def work():
    for _ in tqdm(range(2), file=io.StringIO()):
        pass


def main():
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not tqdm._instances


if __name__ == "__main__":
    main()
