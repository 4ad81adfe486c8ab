"""A chat sends to the current session, if somebody is logged in."""

import threading


class Session:
    def __init__(self):
        self.sent = []

    def send(self, text):
        self.sent.append(text)


class Chat:
    def __init__(self):
        self.current = Session()
        self.log = []

    def say(self, text):
        session = self.current
        if session is not None:
            self.log.append(text)
            session.send(text)

    def log_out(self):
        self.current = None


def main():
    chat = Chat()
    talker = threading.Thread(target=chat.say, args=("hello",))
    talker.start()
    chat.log_out()
    talker.join()


if __name__ == "__main__":
    main()
