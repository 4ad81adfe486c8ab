"""The TCP sockets of this network, and who is connected with a Unix socket, as Linux tells."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

OPEN, LISTENS = "01", "0A"
NOBODY = "0"
"""The inode of a connection that nobody has accepted yet."""
_MAPPED = bytes(10) + b"\xff\xff"  # what an address of version 4 begins with where it is one of version 6
_SOCK_DIAG, _BY_FAMILY, _REQUEST, _SHOW_PEER, _PEER = 4, 20, 1, 4, 2  # of linux/sock_diag.h and unix_diag.h
_HEADER, _ASKED, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBHIIIII"), struct.Struct("=HH")
_ANSWER = _HEADER.size + 16  # bytes before the attributes
_ANY = 0xFFFFFFFF


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Connection(NamedTuple):
    """One TCP socket; `unsent` and `unread` are bytes that wait in it, or connections of one that listens."""

    local: Address
    remote: Address
    state: str
    inode: str
    unsent: int
    unread: int


def connections(pid: int | str) -> Iterator[Connection]:
    """All TCP sockets in the network of a process, those of others, too."""
    for name in ("tcp", "tcp6"):
        text = ""
        with suppress(OSError):
            text = Path(f"/proc/{pid}/net/{name}").read_text()
        for row in text.splitlines():
            fields = row.split()
            if len(fields) > 9 and fields[3] != "st":
                unsent, _, unread = fields[4].partition(":")
                ends = address(fields[1]), address(fields[2])
                yield Connection(*ends, fields[3], fields[9], int(unsent, 16), int(unread, 16))


def address(text: str) -> Address:
    """An address as the system has it: the bytes of each 32 bits in the order of the machine.

    >>> str(address("0100007F:1F90")), str(address("00000000000000000000000001000000:0050"))
    ('127.0.0.1:8080', '[::1]:80')
    """
    host, _, port = text.partition(":")
    data = b"".join(
        int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8)
    ).removeprefix(_MAPPED)
    return Address(socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data), int(port, 16))


def unix_peer(inode: int) -> int:
    """The inode of the socket at the other end of a Unix socket; 0 where there is none or the system does not say."""
    body = _ASKED.pack(socket.AF_UNIX, 0, 0, _ANY, inode, _SHOW_PEER, _ANY, _ANY)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as asked:
            asked.settimeout(1.0)
            asked.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body)
            answer = asked.recv(8192)
    except (OSError, AttributeError):
        return 0
    if len(answer) < _ANSWER or _HEADER.unpack_from(answer)[1] != _BY_FAMILY:
        return 0
    at = _ANSWER
    while at + _ATTRIBUTE.size <= len(answer):
        size, kind = _ATTRIBUTE.unpack_from(answer, at)
        if kind == _PEER:
            return int(struct.unpack_from("=I", answer, at + _ATTRIBUTE.size)[0])
        at += max(size + 3 & ~3, _ATTRIBUTE.size)
    return 0
