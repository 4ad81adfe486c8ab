"""System calls by number, on each machine whose numbers we know, and the state of a thread that is in one of them."""

from __future__ import annotations

from typing import NamedTuple

from plait._core.trace import State

FUTEX = {"x86_64": 202, "aarch64": 98}
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_X86_64 = {
    State.LOCK: (202, 449),
    State.SLEEP: (35, 230),
    State.CHILD: (61, 247),
    State.IDLE: (232, 281, 441, 34, 128, 130),
    State.FILE: (0, 1, 2, 17, 18, 19, 20, 40, 73, 74, 75, 257, 295, 296, 4, 5, 6, 262, 217, 82),
    State.SOCKET: (7, 23, 42, 43, 44, 45, 46, 47, 270, 271, 288, 299, 307),
}
_AARCH64 = {
    State.LOCK: (98, 449),
    State.SLEEP: (101, 115),
    State.CHILD: (260, 95),
    State.IDLE: (22, 441, 133, 137),
    State.FILE: (63, 64, 65, 66, 67, 68, 71, 82, 83, 32, 56, 69, 70, 79, 80, 61),
    State.SOCKET: (73, 72, 202, 203, 206, 207, 211, 212, 242, 243, 269),
}
_FD_LESS = {"x86_64": {7, 23, 270, 271, 2, 257, 4, 6, 262}, "aarch64": {73, 72, 56, 79}}  # begin with something else
_READS = {"x86_64": [0], "aarch64": [63]}
_POLLS = {"x86_64": [7, 271], "aarch64": [73]}
_SELECTS = {"x86_64": [23, 270], "aarch64": [72]}
_NUMBERS = {"x86_64": _X86_64, "aarch64": _AARCH64}


class Calls(NamedTuple):
    """System calls of a machine, by their numbers.

    Attributes:
        states: what a thread that is in one of them does.
        with_fd: those whose first argument is a descriptor.
        reads: of those, the ones that wait for somebody to type where that is a terminal.
        polls: those whose first arguments are where descriptors are in memory, and how many.
        selects: those whose first argument is one more than the highest descriptor.
    """

    states: dict[int, int]
    with_fd: list[int]
    reads: list[int]
    polls: list[int]
    selects: list[int]


def calls_of(machine: str) -> Calls | None:
    """Those of a machine; None: not known."""
    if machine not in _NUMBERS:
        return None
    states = {number: int(state) for state, numbers in _NUMBERS[machine].items() for number in numbers}
    io = (*_NUMBERS[machine][State.FILE], *_NUMBERS[machine][State.SOCKET])
    with_fd = [number for number in io if number not in _FD_LESS[machine]]
    return Calls(states, with_fd, _READS[machine], _POLLS[machine], _SELECTS[machine])
