"""Consumers wait for items on a condition."""

import threading


class Mailbox:
    def __init__(self):
        self.condition = threading.Condition()
        self.items = []

    def put(self, item):
        with self.condition:
            self.items.append(item)
            self.condition.notify()

    def take(self):
        with self.condition:
            while not self.items:
                self.condition.wait()
            return self.items.pop()


def main():
    mailbox, taken = Mailbox(), []

    def consume():
        taken.append(mailbox.take())

    consumers = [threading.Thread(target=consume) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for item in (1, 2):
        mailbox.put(item)
    for consumer in consumers:
        consumer.join()
    assert sorted(taken) == [1, 2]


if __name__ == "__main__":
    main()
