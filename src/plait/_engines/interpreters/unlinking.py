"""Takes a subinterpreter that cannot be ended off CPython's list, so that the end of the process does not wait for it.

``Py_FinalizeEx`` ends every interpreter on the list, for which it takes that interpreter's GIL; C code that never lets
go of it would make that last for ever, and an interpreter that still runs would be torn down under its own feet. Where
the list lies is said by ``_Py_DebugOffsets``, which stands at the start of ``_PyRuntime`` for debuggers, with the
version it is true for (https://docs.python.org/3/howto/remote_debugging.html).
"""

from __future__ import annotations

import os
import struct
import sys

from plait._core.streams import flush

_COOKIE = b"xdebugpy"
_OFFSETS = struct.Struct("8s8Q")  # the cookie, and: version, free-threaded, then of the runtime: size, finalizing,
# the first interpreter; then of an interpreter: size, identity, the next one
_MOST = 100_000  # interpreters on a list that makes sense


def unlink(identity: int) -> None:
    """Take the interpreter off the list; when that cannot be done, end the process at once, since it would hang."""
    try:
        done = _unlink(identity)
    except Exception as error:  # whatever is different in this Python, the process must end
        done = False
        print(f"plait: {type(error).__name__}: {error}", file=sys.stderr)
    if not done:
        print(
            f"plait: interpreter {identity} cannot be stopped and CPython would wait for it: the process ends here",
            file=sys.stderr,
        )
        for stream in (sys.stdout, sys.stderr):
            flush(stream)
        os._exit(1)


def _unlink(identity: int) -> bool:
    import ctypes  # heavy: only for this

    start = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    cookie, version, _, _, _, head, _, number, following = _OFFSETS.unpack(ctypes.string_at(start, _OFFSETS.size))
    if cookie != _COOKIE or version != sys.hexversion:
        return False
    place = start + head
    for _ in range(_MOST):
        interpreter = ctypes.c_void_p.from_address(place).value
        if not interpreter:
            return True  # it has ended meanwhile
        if ctypes.c_int64.from_address(interpreter + number).value == identity:
            after = ctypes.c_void_p.from_address(interpreter + following).value
            ctypes.c_void_p.from_address(place).value = after
            return True
        place = interpreter + following
    return False
