"""Listeners are told of an event while one of them unsubscribes."""

import threading


class Subject:
    def __init__(self):
        self.listeners = []

    def subscribe(self, listener):
        self.listeners.append(listener)

    def unsubscribe(self, listener):
        self.listeners.remove(listener)

    def notify(self, event):
        for listener in self.listeners:
            listener(event)


def main():
    subject, heard = Subject(), []

    def first(event):
        pass

    subject.subscribe(first)
    subject.subscribe(heard.append)
    leaver = threading.Thread(target=subject.unsubscribe, args=(first,))
    leaver.start()
    subject.notify("saved")
    leaver.join()
    assert heard == ["saved"], "the second listener was skipped"


if __name__ == "__main__":
    main()
