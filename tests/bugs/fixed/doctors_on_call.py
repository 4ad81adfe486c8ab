"""One of two doctors has to stay: each looks whether the other one is there, and both go home."""

import threading

on_call = {"ann": True, "bob": True}
lock = threading.Lock()


def go_home(me, other):
    with lock:
        if on_call[other]:
            on_call[me] = False


def main():
    pairs = [("ann", "bob"), ("bob", "ann")]
    threads = [threading.Thread(target=go_home, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(on_call.values()), on_call


if __name__ == "__main__":
    main()
