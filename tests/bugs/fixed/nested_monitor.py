"""A mailbox inside a user, each with a lock."""

import threading


class Mailbox:
    def __init__(self):
        self.arrived = threading.Condition()
        self.letters = []

    def put(self, letter):
        with self.arrived:
            self.letters.append(letter)
            self.arrived.notify()

    def take(self):
        with self.arrived:
            while not self.letters:
                self.arrived.wait()
            return self.letters.pop()


class User:
    def __init__(self):
        self.lock = threading.Lock()
        self.mailbox = Mailbox()

    def send(self, letter):
        with self.lock:
            self.mailbox.put(letter)

    def receive(self):
        return self.mailbox.take()


def main():
    user = User()
    sender = threading.Thread(target=user.send, args=("hello",))
    sender.start()
    assert user.receive() == "hello"
    sender.join()


if __name__ == "__main__":
    main()
