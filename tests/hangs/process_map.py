import socket

import plait


def fetch(n):
    ours, theirs = socket.socketpair()
    return ours.recv(1)


if __name__ == "__main__":
    print(list(plait.map(fetch, range(2), engine="process", workers=2)))
