"""Listeners in an immutable tuple that is replaced."""

import threading


class Subject:
    def __init__(self):
        self.lock = threading.Lock()
        self.listeners = ()

    def subscribe(self, listener):
        with self.lock:
            self.listeners = (*self.listeners, listener)

    def notify(self, event):
        for listener in self.listeners:
            listener(event)


def main():
    subject, heard = Subject(), []
    subject.subscribe(heard.append)
    threads = [threading.Thread(target=subject.subscribe, args=(lambda event: None,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    subject.notify("saved")
    for thread in threads:
        thread.join()
    assert heard == ["saved"]
    assert len(subject.listeners) == 3


if __name__ == "__main__":
    main()
