"""A thread is looked at right after its start."""

import threading


def main():
    results = []
    thread = threading.Thread(target=results.append, args=("done",))
    thread.start()
    assert thread.ident is not None
    if not thread.is_alive():
        assert results == ["done"]
    thread.join()
    assert not thread.is_alive()
    assert results == ["done"]


if __name__ == "__main__":
    main()
