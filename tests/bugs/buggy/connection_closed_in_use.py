"""A link that one thread closes while another one sends.

After reports on clients of brokers and of the web: whether it is open is asked before.
"""

import socket
import threading


class Link:
    def __init__(self, connection):
        self.connection = connection
        self.closed = False

    def send(self, data):
        if not self.closed:
            self.connection.sendall(data)

    def close(self):
        self.closed = True
        self.connection.close()


def main():
    ours, theirs = socket.socketpair()
    link = Link(ours)
    thread = threading.Thread(target=link.send, args=(b"ping",))
    thread.start()
    link.close()
    thread.join()
    theirs.close()


if __name__ == "__main__":
    main()
