"""examples/web_server.py under load: both servers, many clients, a deadline, a crash, a slow client, a real browser."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
NEVER = 10_000_000  # primes below this are not counted within the deadline on any machine
PATIENCE = 60.0
_LOOK = 0.02  # seconds between two looks at what the server has done: it is to compute meanwhile, not to answer us

Reply = tuple[int, dict[str, object]]


class Client:
    """Asks one server; every call is a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Of one server for all tests, which therefore outlives what each of them does to it."""
    server = "waitress" if request.param == "wsgi" else "uvicorn"
    if importlib.util.find_spec(server) is None:
        pytest.skip(f"{server} is not installed for this Python")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "examples" / "web_server.py"), request.param, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    client = Client(port)
    try:
        _wait_until_it_answers(client, process)
        yield client
    finally:
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            pytest.fail(f"the server did not stop at Ctrl-C:\n{said}")


def _wait_until_it_answers(client: Client, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            client.get("/light")
            return
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)  # nobody tells when a port is listened to


def test_light_requests_are_answered_while_heavy_ones_compute(client: Client) -> None:
    with ThreadPoolExecutor(40) as clients:
        heavy = [clients.submit(client.get, f"/heavy?n={NEVER}") for _ in range(4)]
        light = [clients.submit(client.get, "/light") for _ in range(200)]
        done, _ = wait(light, PATIENCE)
        assert len(done) == 200
        assert {future.result()[0] for future in light} == {200}
        answers = [future.result() for future in heavy]
    assert [status for status, _ in answers] == [503] * 4
    assert all("TaskTimeout" in str(body["error"]) for _, body in answers)
    assert client.get("/heavy?n=100") == (200, {"limit": 100, "primes": 25})  # the workers are free again


def test_a_killed_worker_costs_one_request(client: Client) -> None:
    with ThreadPoolExecutor(20) as clients:
        good = [clients.submit(client.get, "/heavy?n=2000") for _ in range(12)]
        bad = clients.submit(client.get, "/heavy?n=13")
        good += [clients.submit(client.get, "/heavy?n=2000") for _ in range(4)]
        assert bad.result()[0] == 500
        assert "WorkerDied" in str(bad.result()[1]["error"])
        assert [future.result() for future in good] == [(200, {"limit": 2000, "primes": 303})] * 16


def test_a_slow_client_does_not_hold_others(client: Client) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", client.port)))
            slow.sendall(b"GET /light HTTP/1.1\r\nHost: x\r\nX-Slow")  # and no more
        with ThreadPoolExecutor(10) as clients:
            assert {clients.submit(client.get, "/light").result()[0] for _ in range(50)} == {200}


def test_the_long_job_is_counted_while_it_runs(client: Client) -> None:
    assert client.get("/start")[0] == 200
    seen = set()
    end = time.monotonic() + PATIENCE
    while (job := client.get("/progress")[1])["done"] != job["total"]:
        seen.add(job["done"])
        assert time.monotonic() < end
        time.sleep(_LOOK)
    assert len(seen) > 5
    assert job["found"] == 200 * 430


@pytest.mark.skipif(not (shutil.which("chromium") and shutil.which("chromedriver")), reason="no chromium here")
def test_a_browser_shows_the_progress_live(client: Client, tmp_path: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    quiet = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-sync"
    for option in [
        *quiet.split(),
        "disable-component-update",
        "window-size=800,520",
        "hide-scrollbars",
        f"user-data-dir={tmp_path}",
    ]:
        options.add_argument(f"--{option}")
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        browser.get(f"http://127.0.0.1:{client.port}/")
        words = browser.find_element("id", "words")
        assert words.text == "not started"
        browser.find_element("id", "start").click()
        shown = set()
        end = time.monotonic() + PATIENCE
        while not words.text.startswith("200 of 200"):
            shown.add(words.text)
            if "PLAIT_PICTURES" in os.environ and len(shown) == 8:
                browser.save_screenshot(str(PICTURES / "web-server.png"))
            assert time.monotonic() < end
            time.sleep(_LOOK)
        assert len(shown) > 3  # two of them on the way, however busy the machine is
        assert browser.find_element("id", "bar").get_property("value") == 1


def test_many_clients_at_once(client: Client) -> None:
    barrier = threading.Barrier(60, timeout=PATIENCE)

    def ask(number: int) -> int:
        barrier.wait()
        return client.get("/heavy?n=300" if number % 3 == 0 else "/light")[0]

    with ThreadPoolExecutor(60) as clients:
        assert set(clients.map(ask, range(60))) == {200}
