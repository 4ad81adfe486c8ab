"""Says what the system has no more of, and what can be done about it."""

from __future__ import annotations

import errno

_CURES = {  # by what says that nothing more is to be had
    errno.E2BIG: "; os.environ (or sys.path) is larger than what the system hands to a new process: make it smaller",
    errno.EMFILE: "; allow this program more (ulimit -n), or close some",
    errno.EFBIG: "; allow this program larger files (ulimit -f): what it shares with a worker is one, in memory",
    errno.ENFILE: "",
    errno.EAGAIN: "; allow this user more processes (ulimit -u), or end some",
    errno.ENOMEM: "",
    errno.ENOSPC: "",
}


def scarcity(error: OSError) -> str:
    """What there is no more of, with the cure where there is one.

    Raises:
        OSError: it is another error.

    >>> scarcity(OSError(errno.EMFILE, "Too many open files"))
    '[Errno 24] Too many open files; allow this program more (ulimit -n), or close some'
    """
    if error.errno not in _CURES:
        raise error
    return f"{error}{_CURES[error.errno]}"
