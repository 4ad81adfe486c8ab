"""asyncio under the scheduler: the order of tasks is explored, the clock is virtual, threads and loops work together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from test_check_told import Told, is_told

from plait._check.explore import Result, explore_script


def explore(folder: Path, source: str, **options: object) -> Result:
    file = folder / "program.py"
    file.write_text(dedent(source))
    return explore_script(file, **{"runs": 100, "seconds": 20.0, **options})  # type: ignore[arg-type]


def summary(result: Result) -> str:
    return result.record.failure.summary if result.record and result.record.failure else result.verdict.word


def test_a_lost_update_across_an_await_is_found(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import asyncio
        balance = 0
        async def pay():
            global balance
            before = balance
            await asyncio.sleep(0.1)
            balance = before + 1
        async def main():
            await asyncio.gather(pay(), pay())
        asyncio.run(main())
        assert balance == 2, balance
        """,
    )
    assert summary(result) == "AssertionError: 1 in MainThread"
    assert result.record is not None
    assert [(thread.name, thread.kind) for thread in result.record.threads][:4] == [
        ("MainThread", "thread"),
        ("Task-1 (main)", "task"),
        ("Task-2 (pay)", "task"),
        ("Task-3 (pay)", "task"),
    ]


EAGER = """
import asyncio, threading
n, done, lock = 0, [], threading.Lock()
async def pay():
    global n
    before = n
    await asyncio.sleep(0)
    n = before + 1
async def quick(number):
    with lock:
        done.append(number)
    return number
async def outer(number):
    made = asyncio.create_task(quick(number))
    assert made.done()
    await asyncio.sleep(0)
    return await made
def beside():
    with lock:
        done.append(0)
async def main():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    thread = threading.Thread(target=beside)
    thread.start()
    assert await asyncio.gather(outer(1), outer(2), quick(3)) == [1, 2, 3]
    await asyncio.to_thread(thread.join)
    assert sorted(done) == [0, 1, 2, 3]
    await asyncio.gather(*[pay() for _ in range({times})])
asyncio.run(main())
assert n == {times}
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks begin while they are made from CPython 3.12 on")
def test_what_a_task_does_while_it_is_made_is_its_own(tmp_path: Path, nothing_left: None) -> None:
    result = explore(tmp_path, EAGER.format(times=1))
    assert result.verdict.word == "passed", summary(result)
    (tmp_path / "program.py").write_text(EAGER.format(times=2))
    command = [sys.executable, "-m", "plait", "check", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Lost update of n\n"), done.stdout


def test_tasks_are_told_what_helps_tasks(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(
        "import asyncio\nn = 0\nasync def add():\n    global n\n    seen = n\n    await asyncio.sleep(0)\n    n = seen + 1\n"
        "async def main():\n    await asyncio.gather(add(), add())\n    assert n == 2\nasyncio.run(main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "plait", "check", file.name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    words = " ".join(run.stdout.split())
    assert "Put no `await` between lines 5 and 7, or hold one `asyncio.Lock`" in words
    assert "other tasks run at the await in between" in words
    assert "1 thread and " in words
    assert " tasks controlled" in words


def test_a_task_that_was_created_has_begun_after_sleep_zero(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio
        begun = []
        async def other():
            begun.append(1)
        async def main():
            task = asyncio.create_task(other())
            await asyncio.sleep(0)
            assert begun
            await task
        asyncio.run(main())
        """
    assert explore(tmp_path, source).verdict.word == "passed"


def test_tasks_begin_in_the_order_in_which_they_were_made(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio
        order = []
        async def note(name):
            order.append(name)
        async def main():
            await asyncio.gather(note(1), note(2))
            assert order == [1, 2]
        asyncio.run(main())
        """
    assert explore(tmp_path, source).verdict.word == "passed"


def test_a_task_that_was_woken_and_one_that_begins_go_in_any_order(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio
        order = []
        async def woken(event):
            await event.wait()
            order.append("woken")
        async def begins():
            order.append("begins")
        async def main():
            event = asyncio.Event()
            first = asyncio.create_task(woken(event))
            await asyncio.sleep(0)
            event.set()
            await asyncio.gather(first, begins())
            assert order == ["woken", "begins"]
        asyncio.run(main())
        """
    assert "AssertionError" in summary(explore(tmp_path, source))


def test_time_is_virtual(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio, time
        async def main():
            before = asyncio.get_running_loop().time()
            began = time.monotonic()
            await asyncio.sleep(3600)
            assert 3600 <= asyncio.get_running_loop().time() - before < 3601
            assert 3600 <= time.monotonic() - began < 3601
            try:
                async with asyncio.timeout(5):
                    await asyncio.sleep(60)
            except TimeoutError:
                pass
            else:
                raise AssertionError("no timeout")
        asyncio.run(main())
        """
    assert explore(tmp_path, source, runs=5).verdict.word == "passed"


def test_threads_and_tasks_have_one_scheduler(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio, threading, time
        def work(x):
            time.sleep(1)
            return x + 1
        async def answer():
            await asyncio.sleep(0.5)
            return 42
        async def main():
            loop = asyncio.get_running_loop()
            assert await asyncio.to_thread(work, 1) == 2
            assert await loop.run_in_executor(None, work, 2) == 3
            event = asyncio.Event()
            found = []
            def outside():
                found.append(asyncio.run_coroutine_threadsafe(answer(), loop).result(timeout=10))
                loop.call_soon_threadsafe(event.set)
            thread = threading.Thread(target=outside)
            thread.start()
            await event.wait()
            thread.join()
            assert found == [42]
        asyncio.run(main())
        """
    assert explore(tmp_path, source).verdict.word == "passed"


def test_a_loop_that_is_not_woken_hangs(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import asyncio
        async def main():
            await asyncio.get_running_loop().create_future()
        asyncio.run(main())
        """,
    )
    assert result.record is not None
    failure = result.record.failure
    assert failure is not None
    assert failure.kind == "hang"
    task = next(blocked for blocked in failure.blocked if blocked.thread == 1)
    assert [frame.line for frame in task.stack] == [4]


def test_a_server_on_a_real_socket(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import asyncio
        async def serve(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()
        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(b"hello\\n")
                assert await reader.readline() == b"hello\\n"
                writer.close()
        asyncio.run(main())
        """,
        runs=5,
    )
    assert (summary(result), result.verdict.word) == ("passed", "passed")
    assert any("event loop" in what for what in result.coverage.outside)


def test_a_connection_that_is_cut_off_at_the_end_is_no_failure(tmp_path: Path, nothing_left: None) -> None:
    result = explore(
        tmp_path,
        """
        import asyncio
        async def serve(reader, writer):
            try:
                async for line in reader:
                    writer.write(line)
            finally:
                writer.close()
        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\\n")
            assert await reader.readline() == b"hello\\n"
            writer.close()
            server.close()
        asyncio.run(main())
        """,
        runs=5,
    )
    assert (summary(result), result.verdict.word) == ("passed", "passed")


def test_an_exception_of_a_callback_is_a_failure(tmp_path: Path, nothing_left: None) -> None:
    source = """
        import asyncio, threading, time
        def answer(loop, future):
            time.sleep(1)
            loop.call_soon_threadsafe(future.set_result, 1)
        async def main():
            loop = asyncio.get_running_loop()
            {handler}
            future = loop.create_future()
            thread = threading.Thread(target=answer, args=(loop, future))
            thread.start()
            future.cancel()
            await asyncio.to_thread(thread.join)
            await asyncio.sleep(0)
        asyncio.run(main())
        """
    found = explore(tmp_path, source.replace("{handler}", ""))
    assert summary(found) == "InvalidStateError: invalid state in MainThread"
    assert found.record is not None
    assert found.record.failure is not None
    assert found.record.failure.stack[-1].line == 5, "where it was handed to the loop"
    handled = source.replace("{handler}", "loop.set_exception_handler(lambda *_: None)")
    assert summary(explore(tmp_path, handled, runs=20)) == "passed"


def test_a_task_that_goes_on_although_it_was_cancelled_is_told(tmp_path: Path, soon_endless: None) -> None:
    told = Told(
        """
import asyncio
beats = [0]
async def beat():
    while True:
        try:
            await asyncio.sleep(10)
            beats[0] += 1
        except BaseException: continue
async def main():
    task = asyncio.create_task(beat())
    await asyncio.sleep(0)
    task.cancel()
    await task
asyncio.run(main())
""",
        "Goes on although it was cancelled: Task-2 (beat)",
        ("still goes on in line 7", "catch `Exception`"),
    )
    is_told(told, tmp_path)
