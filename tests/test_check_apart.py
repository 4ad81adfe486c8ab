"""What counts as reaching out of a process: a scout ends before it does that, and goes on otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="scouts are for Linux")

# Forks for each deed, given on a line of its own; says which have been done to their end.
RUN = """
import os, signal, socket, sqlite3, subprocess, sys, tempfile
from plait._check.apart import stay_apart

exit = os._exit
for deed in sys.stdin.read().splitlines():
    pid = os.fork()
    if not pid:
        try:
            stay_apart(lambda: exit(7))
            exec(deed)
            exit(0)
        finally:
            exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
STAYED, LEFT = 0, 7

REACHES_OUT = """
open("new", "w")
open("there", "a")
open("there", "r+b")
os.open("new", os.O_CREAT | os.O_RDWR)
__import__("pathlib").Path("new").write_text("x")
open("pipe")
open("/dev/tty")
os.mkdir("new")
os.rename("there", "new")
os.replace("there", "new")
os.unlink("there")
os.rmdir("folder")
os.link("there", "new")
os.symlink("there", "new")
os.truncate("there", 0)
os.chmod("there", 0o600)
os.utime("there")
os.mkfifo("new")
os.mknod("new")
__import__("shutil").copy("there", "new")
__import__("shutil").rmtree("folder")
tempfile.TemporaryFile()
tempfile.mkdtemp()
sqlite3.connect("new")
__import__("dbm.dumb").dumb.open("new", "c")
__import__("fcntl").flock(os.open("there", os.O_RDONLY), 2)
__import__("mmap").mmap(os.open("there", os.O_RDONLY), 0, prot=1)
socket.socket().bind(("127.0.0.1", 0))
socket.socket().connect(("127.0.0.1", 9))
socket.create_connection(("127.0.0.1", 9))
socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
__import__("asyncio").run(__import__("asyncio").start_server(print, "127.0.0.1"))
subprocess.run(["true"])
os.system("true")
os.fork()
os.posix_spawn("/bin/true", ["true"], {})
os.execv("/bin/true", ["true"])
os.kill(os.getpid(), 0)
os.killpg(0, 0)
__import__("multiprocessing").get_context("fork").Process(target=print).start()
__import__("multiprocessing").get_context("spawn").Process(target=print).start()
__import__("multiprocessing.shared_memory").shared_memory.SharedMemory("new", True, 8)
__import__("ctypes").CDLL(None).getpid()
__import__("ctypes").CDLL("libc.so.6")
__import__("syslog").syslog("x")
__import__("psutil")
sys.audit("somebody.else.does.something")
"""
STAYS_INSIDE = """
open("there").read()
open("there", "rb").read()
os.open("there", os.O_RDONLY)
__import__("pathlib").Path("there").read_text()
open("/dev/null", "w").write("x")
open("/dev/urandom", "rb", 0).read(4)
os.urandom(4)
os.listdir(); list(os.scandir()); list(os.walk(".")); os.stat("there"); os.path.exists("new")
os.write(os.pipe()[1], b"x")
[one.send(b"x") for one in socket.socketpair()]
socket.socket()
__import__("mmap").mmap(-1, 8)
__import__("asyncio").run(__import__("asyncio").sleep(0))
__import__("asyncio").run(__import__("asyncio").to_thread(len, ""))
__import__("concurrent.futures").futures.ThreadPoolExecutor(2).submit(len, "").result()
os.chdir("folder"); os.environ["NEW"] = "1"; os.umask(0)
__import__("uuid").uuid4(); __import__("random").random(); __import__("secrets").token_hex()
import decimal, json, logging, ssl, http.client, urllib.request, email, ctypes, multiprocessing, queue, zoneinfo, unittest
import pickle, marshal; pickle.loads(pickle.dumps([1])); marshal.loads(marshal.dumps(1)); eval("1"); exec("x = 1")
import logging; logging.warning("x"); logging.getLogger("x").error("y")
import linecache, traceback, inspect, dataclasses; inspect.getsource(dataclasses); traceback.format_stack()
import gc; gc.get_objects(); sys._getframe(); sys._current_frames(); sys.settrace(None); id(1)
signal.raise_signal(signal.SIGWINCH)
import glob, time; glob.glob("*"); time.sleep(0); sys.stdout.write(""); print(end="")
"""


def ends(deeds: str, folder: Path) -> dict[str, int]:
    """How the process of each deed ended."""
    (folder / "there").write_text("x")
    (folder / "folder").mkdir()
    subprocess.run(["mkfifo", str(folder / "pipe")], check=True)
    lines = deeds.strip().splitlines()
    run = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, input="\n".join(lines), capture_output=True, text=True, check=True
    )
    return dict(zip(lines, map(int, run.stdout.split()), strict=True))


def test_what_reaches_out(tmp_path: Path) -> None:
    done = {deed: end for deed, end in ends(REACHES_OUT, tmp_path).items() if end != LEFT}
    assert not done
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe", "there"]
    assert (tmp_path / "there").read_text() == "x"


def test_what_stays_inside(tmp_path: Path) -> None:
    left = {deed: end for deed, end in ends(STAYS_INSIDE, tmp_path).items() if end != STAYED}
    assert not left
