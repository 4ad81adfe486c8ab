"""Sessions register themselves, weakly, while their thread serves them."""

import threading
import weakref

sessions = weakref.WeakValueDictionary()
registered = threading.Event()


class Session:
    def __init__(self, name):
        self.name = name


def serve(name):
    session = Session(name)
    sessions[name] = session
    registered.set()
    return session.name


def main():
    server = threading.Thread(target=serve, args=("ann",))
    server.start()
    registered.wait()
    session = sessions["ann"]
    assert session.name == "ann"
    server.join()


if __name__ == "__main__":
    main()
