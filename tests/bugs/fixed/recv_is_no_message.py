"""A greeting over a pair of sockets, sent by two calls."""

import socket
import threading


def server(connection):
    connection.sendall(b"HELLO ")
    connection.sendall(b"WORLD")


def main():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=server, args=(theirs,))
        thread.start()
        text = b""
        while len(text) < 11:
            text += ours.recv(1024)
        thread.join()
    assert text == b"HELLO WORLD"


if __name__ == "__main__":
    main()
