"""A message is filled in, then handed over in a queue."""

import queue
import threading


class Message:
    def __init__(self):
        self.text = None


def send(channel):
    message = Message()
    message.text = "hello"
    channel.put(message)
    channel.put(None)


def main():
    channel = queue.Queue()
    sender = threading.Thread(target=send, args=(channel,))
    sender.start()
    while (message := channel.get()) is not None:
        message.text = message.text.upper()
        assert message.text == "HELLO"
    sender.join()


if __name__ == "__main__":
    main()
