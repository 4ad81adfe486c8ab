"""docs/jupyter.md in a real kernel: cells with await, a display that updates, a cell that is interrupted."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_snippets import blocks_of

jupyter = pytest.importorskip("jupyter_client", reason="no Jupyter here; the extra `frameworks` has it")
pytest.importorskip("ipykernel", reason="no Jupyter kernel here; the extra `frameworks` has it")

PAGE = Path(__file__).resolve().parent.parent / "docs" / "jupyter.md"
PATIENCE = 60.0


class Kernel:
    """A kernel and what its cells print, display and raise."""

    def __init__(self, folder: Path) -> None:
        spec = folder / "kernels" / "here"
        spec.mkdir(parents=True)
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "here", "language": "python"}))
        self.manager = jupyter.KernelManager(kernel_name="here")
        self.manager.kernel_spec_manager.kernel_dirs.append(str(folder / "kernels"))
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, "IPYTHONDIR": str(folder)})
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str) -> list[tuple[str, dict[str, object]]]:
        """The messages of one cell: their kinds and contents."""
        return list(self.follow(self.client.execute(code)))

    def follow(self, request: str) -> Iterator[tuple[str, dict[str, object]]]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            yield message["msg_type"], message["content"]
        raise AssertionError("the cell did not end")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("notebook"))
    yield kernel
    kernel.close()


def printed(messages: list[tuple[str, dict[str, object]]]) -> str:
    assert not [content for kind, content in messages if kind == "error"], messages
    return "".join(
        str(content["text"]) for kind, content in messages if kind == "stream" and content["name"] == "stdout"
    )


def test_the_page_in_a_notebook(kernel: Kernel) -> None:
    for block in blocks_of(PAGE.read_text()):
        if block.language == "python":
            text = printed(kernel.run("\n".join(block.lines)))
            assert block.expected is None or text == block.expected


def test_a_cell_with_await(kernel: Kernel) -> None:
    messages = kernel.run("import plait\nprint([n async for n in plait.map(abs, [-1, -2], engine='process')])")
    assert printed(messages) == "[1, 2]\n"


def test_an_error_from_a_process_is_shown_with_its_line(kernel: Kernel) -> None:
    cell = "import plait\ndef invert(n):\n    return 1 / n\nlist(plait.map(invert, [1, 0], engine='process'))"
    (error,) = [content for kind, content in kernel.run(cell) if kind == "error"]
    assert error["ename"] == "ZeroDivisionError"
    assert "return 1 / n" in re.sub(r"\x1b\[[0-9;]*m", "", "".join(map(str, error["traceback"])))


def test_progress_is_one_output_that_is_updated(kernel: Kernel) -> None:
    cell = "import time, plait\nfor n in plait.map(time.sleep, [0.05] * 40, engine='thread', workers=4, progress=True): pass"
    kinds = [kind for kind, _ in kernel.run(cell)]
    assert kinds.count("display_data") == 1
    assert "update_display_data" in kinds


def test_interrupting_the_kernel_stops_the_work_and_says_how_far_it_was(kernel: Kernel) -> None:
    code = "import itertools, plait\nfor n in plait.map(abs, itertools.count(), engine='process'):\n    last = n or print('begun')"
    messages = []
    for kind, content in kernel.follow(kernel.client.execute(code)):
        messages.append((kind, content))
        if kind == "stream" and "begun" in str(content["text"]):
            kernel.manager.interrupt_kernel()
    errors = [content for kind, content in messages if kind == "error"]
    assert len(errors) == 1, messages
    (error,) = errors
    assert error["ename"] == "KeyboardInterrupt"
    assert "plait" in "".join(map(str, error["traceback"]))
    assert printed(kernel.run("print('alive')")) == "alive\n"


COUNTING = """
import threading, plait
n = []
def add():
    if not n:
        n.append(1)
def test():
    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert n == [1]
"""
KEPT = "print(n, __import__('sys').modules['__main__'].__dict__ is globals(), n.append is not None)"


def test_a_check_in_a_cell_tells_the_lines_of_the_cells(kernel: Kernel) -> None:
    printed(kernel.run(COUNTING.strip()))
    (error,) = [content for kind, content in kernel.run("plait.check(test, seconds=5)") if kind == "error"]
    assert error["ename"] == "CheckFailed"
    said = str(error["evalue"])
    assert "Checked, then changed by another thread: n" in said
    assert re.search(r"Cell In\[\d+\]\n", said)
    assert re.search(r" 4  if not n:", said)
    token = re.search(r'plait\.replay\(test, "(\w[^"]*)"\)', said)
    assert token is not None
    (again,) = [content for kind, content in kernel.run(f"plait.replay(test, {token[1]!r})") if kind == "error"]
    assert again["ename"] == "CheckFailed"
    assert printed(kernel.run(KEPT)) == "[] True True\n"


def test_interrupting_a_check_leaves_the_notebook_as_it_was(kernel: Kernel) -> None:
    printed(kernel.run(COUNTING.strip().replace("if not n:", "with lock:") + "\nlock = threading.Lock()"))
    code = "print('begun', flush=True)\nplait.check(test_long, seconds=None, runs=10**9)"
    printed(kernel.run("def test_long():\n    threading.Thread(target=add).start()"))
    messages = []
    for kind, content in kernel.follow(kernel.client.execute(code)):
        messages.append((kind, content))
        if kind == "stream" and "begun" in str(content["text"]):
            kernel.manager.interrupt_kernel()
    errors = [content for kind, content in messages if kind == "error"]
    assert len(errors) == 1, messages
    (error,) = errors
    assert error["ename"] == "KeyboardInterrupt"
    assert not any("plait/_check/execution" in line for line in error["traceback"]), error["traceback"]
    assert printed(kernel.run(KEPT)) == "[] True True\n"
    assert printed(kernel.run("print(lock.locked(), plait.check(test_long, runs=3).verdict)")) == "False passed\n"
