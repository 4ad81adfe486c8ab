"""Frames with a length in front, sent by two threads over one socket.

After reports on clients whose threads share a connection: the length and the text are sent by two calls.
"""

import socket
import struct
import threading


def send(connection, text):
    connection.sendall(struct.pack("!H", len(text)) + text)


def receive(file):
    (size,) = struct.unpack("!H", file.read(2))
    return file.read(size)


def main():
    ours, theirs = socket.socketpair()
    texts = [b"a" * 3, b"b" * 5]
    with ours, theirs, theirs.makefile("rb") as file:
        threads = [threading.Thread(target=send, args=(ours, text)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ours.shutdown(socket.SHUT_WR)
        found = [receive(file) for _ in texts]
    assert sorted(found) == texts


if __name__ == "__main__":
    main()
