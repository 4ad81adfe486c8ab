"""pykka: an actor is stopped while it is asked; the caller gets an answer or ActorDeadError, never nothing."""

import threading

import pykka


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


def main():
    echo = Echo.start()
    answers = []

    def ask():
        try:
            answers.append(echo.ask("hello", timeout=60))
        except pykka.ActorDeadError:
            answers.append("dead")

    thread = threading.Thread(target=ask)
    thread.start()
    echo.stop()
    thread.join()
    assert answers in (["hello"], ["dead"]), answers


if __name__ == "__main__":
    main()
