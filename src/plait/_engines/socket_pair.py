"""Connected sockets of this process: one for itself, one for a worker."""

from __future__ import annotations

import socket

from plait._engines.segments import lifted

_BUFFER = 1 << 18  # bytes on their way; macOS gives 8 KiB unless asked


class Socket(socket.socket):
    """A socket that closes silently with its last reference: its owner may be part of the same garbage."""

    def __del__(self) -> None:
        self.close()


def socket_pair() -> tuple[Socket, Socket]:
    """Two connected stream sockets, which no child inherits by itself."""
    one, other = (Socket(fileno=lifted(end.detach())) for end in socket.socketpair())
    for end in (one, other):
        end.setblocking(True)  # whatever socket.setdefaulttimeout says; at a worker's end it would not block at all
        if end.family == socket.AF_INET:  # a pair on Windows: it would wait for more to send with it
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            try:
                end.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
            except OSError:  # more than the system allows: what it gives by itself will do
                pass
    return one, other
