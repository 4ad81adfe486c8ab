"""Who is open is counted by a WeakSet: temporary lists of them keep nobody alive."""

import gc
import threading
import weakref


class Session:
    pass


def main():
    sessions = {number: Session() for number in range(3)}
    still_open = weakref.WeakSet(sessions.values())

    def count():
        for _ in list(sessions.values()):
            pass
        assert len(list(sessions.items())) == len(sorted(sessions)) == 3

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = [sessions.popitem()[1] for _ in range(3)]
    assert len(still_open) == len(last) == 3
    last.clear()
    gc.collect()
    assert not list(still_open)


if __name__ == "__main__":
    main()
