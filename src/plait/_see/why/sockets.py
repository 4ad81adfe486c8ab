"""Findings of who waits for the other side of a connection: another host, another process, or a server of its own."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from plait._see.why.dump import Dump
from plait._see.why.graph import awaited, with_held
from plait._see.why.keys import Key
from plait._see.why.known import Diagnosis, Known, step
from plait._see.why.reach import at_last, may_end
from plait._see.why.wait import ROOM

ALIVE = ("runs", "C code", "loop", "window", "sleep", "work")
_ENDS = ("pipe", "socket", "terminal")
_SERVES = ("socketserver.py", "serve_forever")
_MOST = 4  # other processes that are named
_NOTHING = "Nothing has come, and no timeout will end the wait"
_GONE = ": where the other side is gone without a word, it lasts for ever."
_HERE = ". The other side is in this process, too: see what the thread waits for that should send."


def asks_itself(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Who has connected to a server of its own process, which does not accept that."""
    asking = [known for known in everybody if _is_queued(known, dump.pid)]
    if not asking:
        return None
    served = [known for known in asking if _is_served(known)]
    first = (served or asking)[0]
    there = first.thread.other_end.processes if first.thread.other_end else ()
    family = tuple(pid for pid in there if pid != dump.pid)  # a server that listens before it forks its workers
    others = [known for known in everybody if known is not first and is_to_itself(known, dump.pid)]
    return Diagnosis(
        f"{first.thread.name} asks a server that "
        + ("this process is a part of" if family else "it runs itself" if served else "runs in this process"),
        (step(first), *map(step, others)),
        f"It waits for an answer from {first.thread.other_end.name if first.thread.other_end else 'it'}, where this "
        "process itself listens"
        + (
            f", as {_processes(family)} {'do' if len(family) > 1 else 'does'}: none of them has accepted that "
            "connection, and who waits for it cannot."
            if family
            else ", and nobody has accepted that connection"
            + (
                ": the thread that would accept it is the one that waits."
                if served or first.wait.inside
                else ": see what the thread does that would accept it."
            )
        ),
        "Answer each connection in a thread of its own (http.server.ThreadingHTTPServer, "
        "socketserver.ThreadingTCPServer; more threads or workers of another server), or call what answers instead of "
        "asking for it through a socket.",
        certain=bool(served) and not family and all(known.wait.kind != "runs" for known in everybody),
        processes=family[:_MOST],
    )


def _processes(some: tuple[int, ...]) -> str:
    return f"process{'es' * (len(some) > 1)} {' and '.join(map(str, some[:_MOST]))}"


def _is_queued(known: Known, pid: int) -> bool:
    end = known.thread.other_end
    return is_to_itself(known, pid) and end is not None and not end.accepted


def is_to_itself(known: Known, pid: int) -> bool:
    """Whether a thread waits, without a timeout, for what this process itself has the other end of."""
    end = known.thread.other_end
    return end is not None and end.kind == "socket" and pid in end.processes and not known.wait.limited


def _is_served(known: Known) -> bool:
    """Whether a thread is in the middle of what a server has it do that answers one connection after the other."""
    return any(frame.is_of(*_SERVES) for frame in known.thread.frames)


def other_side(dump: Dump, everybody: list[Known]) -> Diagnosis | None:
    """Who waits for the other side of a connection, where nobody runs."""
    if any(known.wait.kind in ALIVE for known in everybody):
        return None
    found = [
        (known, end)
        for known in everybody
        if known.wait.kind == "system" and (end := known.thread.other_end) is not None and end.kind in _ENDS
    ]
    if not found:
        return None
    wanted = {key for one in everybody for key in one.wait.keys}
    found = [(known, end) for known, end in found if known.wait.frame is not None or _keeps(known, wanted)]
    last = at_last(everybody)
    found = [(known, end) for known, end in found if last is None or may_end(known, last, certainly=False)]
    if not found:  # threads that read for as long as they live, of libraries or for others than the main thread
        return None
    if all(dump.pid in end.processes for _, end in found) and any(
        awaited(everybody, at) is not None for at in range(len(everybody))
    ):
        return None  # who should answer is one of those whom others keep waiting
    known, end = min(found, key=lambda one: (_accepts(one[0]), not _keeps(one[0], wanted), one[0].wait.what != ROOM))
    name = end.name if end.kind == "socket" else ""
    direction, why, cure = _silence(known, dump.pid in end.processes)
    return Diagnosis(
        f"{known.thread.name} {known.wait.what}{f' {direction} {name}' if name else ''}",
        tuple(with_held([known], everybody)),
        why,
        cure,
        certain=False,
        processes=tuple(one for one in end.processes if one != dump.pid),
    )


def _silence(known: Known, here: bool) -> tuple[str, str, str]:
    """To or from the other side, why nothing comes of it, and what to do; `here` is where the other side is, too."""
    if known.wait.what == ROOM:
        why = "The other side does not read what it is sent, and no timeout will end the wait."
        cure = "have both sides read while they write, and keep no lock while you send."
        return "to", why, f"Give it a timeout (settimeout(...)), {cure}"
    if _accepts(known):
        why = "Nobody has connected. A server that has nothing to do looks like this."
        return "from", why, "See whether the client asks for this address and port."
    cure = "Give it a timeout (settimeout(...), or timeout=... of the library), and see what the other side does."
    return "from", _NOTHING + (_HERE if here else _GONE), cure


def _accepts(known: Known) -> bool:
    return known.thread.where.startswith("inet_csk_accept")


def _keeps(known: Known, wanted: AbstractSet[Key]) -> bool:
    return any(held.key in wanted for held in known.held)
