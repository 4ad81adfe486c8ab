"""``plait why`` on programs that wait for themselves through a socket: the server that a request of its own holds up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from told import EITHER_WAY, said_of

from plait._see.why.diagnosis import diagnose
from plait._see.why.dump import Dump, Frame, OtherEnd, Thread

SERVER = """
import http.server, threading, urllib.request
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/page":
            urllib.request.urlopen(f"http://HOST:{self.server.server_port}/part").read()
server = http.server.HTTPServer(("ADDRESS", 0), Page)
threading.Thread(target=server.serve_forever, name="server").start()
urllib.request.urlopen(f"http://HOST:{server.server_port}/page")
"""
CONNECTED = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
ACCEPTED
client.recv(1)
"""

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
    pytest.mark.usefixtures("nothing_left"),
]


@EITHER_WAY
@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_server_that_asks_itself(tmp_path: Path, watchdog: str, address: str) -> None:
    program = watchdog + SERVER.replace("HOST", "127.0.0.1").replace("ADDRESS", address)
    said = said_of(tmp_path, program, "server asks a server that it runs itself\n")
    assert said.index("app.py:7") < said.index("app.py:10"), said  # where the handler asks, and then who asked first
    assert "the one that waits" in " ".join(said.split()), said


@EITHER_WAY
def test_a_connection_that_this_process_does_not_accept(tmp_path: Path, watchdog: str) -> None:
    program = watchdog + CONNECTED.replace("ACCEPTED", "")
    said = said_of(tmp_path, program, "MainThread asks a server that runs in this process\n")
    assert "nobody has accepted that connection" in " ".join(said.split()), said


@EITHER_WAY
def test_the_other_side_in_the_same_process(tmp_path: Path, watchdog: str) -> None:
    program = watchdog + CONNECTED.replace("ACCEPTED", "ours, _ = server.accept()")
    said = said_of(tmp_path, program, "MainThread waits for something to come through a socket from 127.0.0.1:")
    assert "The other side is in this process, too" in " ".join(said.split()), said


@pytest.mark.parametrize(
    ("end", "title"),
    [
        (OtherEnd("socket", "1.2.3.4:80", (1,), accepted=False), "MainThread asks a server that runs in this process"),
        (
            OtherEnd("socket", "1.2.3.4:80", (1, 2), accepted=False),
            "MainThread asks a server that this process is a part",
        ),
        (OtherEnd("socket", "1.2.3.4:80", (2,)), "MainThread waits for something"),
        (OtherEnd("socket", "1.2.3.4:80"), "MainThread waits for something"),
    ],
)
def test_whose_the_other_side_is(end: OtherEnd, title: str) -> None:
    frames = (Frame("/home/app.py", 1, "main"),)
    found = diagnose(Dump(1, (Thread("MainThread", 1, 1, frames, False, where="wait_woken", other_end=end),)))
    assert found is not None
    assert found.title.startswith(title)
    assert set(found.processes) == set(end.processes) - {1} or "runs in this process" in title
    assert not found.certain
