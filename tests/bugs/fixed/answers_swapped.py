"""A client for several threads over one connection; the server answers one line after the other.

After reports on clients of databases: the lock is let go of between the question and the answer.
"""

import socket
import threading


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.lines = connection.makefile("r")
        self.lock = threading.Lock()

    def ask(self, question):
        with self.lock:
            self.connection.sendall(f"{question}\n".encode())
            return self.lines.readline().strip()


def server(connection):
    with connection.makefile("r") as lines:
        for line in lines:
            connection.sendall(line.upper().encode())


def main():
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=server, args=(theirs,))
    thread.start()
    client = Client(ours)
    answers = {}

    def work(word):
        answers[word] = client.ask(word)

    askers = [threading.Thread(target=work, args=(word,)) for word in ("red", "blue")]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    ours.shutdown(socket.SHUT_RDWR)
    thread.join()
    for end in (client.lines, ours, theirs):
        end.close()
    assert answers == {"red": "RED", "blue": "BLUE"}


if __name__ == "__main__":
    main()
