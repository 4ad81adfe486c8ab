"""plait: run functions concurrently, check concurrent code for races and deadlocks, see what threads wait for.

The names below are imported when they are first used, so ``import plait`` costs next to nothing.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # for editors and type checkers: what `__getattr__` finds at run time
    from plait import engines as engines
    from plait import errors as errors
    from plait import schedulers as schedulers
    from plait import testing as testing
    from plait._check.check import check as check
    from plait._check.check import replay as replay
    from plait._core.current import current as current
    from plait._core.outcome import Outcome as Outcome
    from plait._core.per_worker import per_worker as per_worker
    from plait._core.rng import rng as rng
    from plait._core.trace import Trace as Trace
    from plait._run.channel import channel as channel
    from plait._run.future import Future as Future
    from plait._run.map import map as map
    from plait._run.pool import Pool as Pool
    from plait._run.recording.journal import Journal as Journal
    from plait._run.report import Report as Report
    from plait._run.retry import Retry as Retry
    from plait._run.scopes.scope import Scope as Scope
    from plait._run.scopes.scope import scope as scope
    from plait._run.stream import Stream as Stream
    from plait._see.advise.choose import advise as advise
    from plait._see.show import show as show
    from plait._see.trace import trace as trace

__version__ = "0.1.0"

_HOMES = {
    "map": "plait._run.map",
    "current": "plait._core.current",
    "per_worker": "plait._core.per_worker",
    "rng": "plait._core.rng",
    "scope": "plait._run.scopes.scope",
    "channel": "plait._run.channel",
    "Journal": "plait._run.recording.journal",
    "Pool": "plait._run.pool",
    "Scope": "plait._run.scopes.scope",
    "Future": "plait._run.future",
    "Stream": "plait._run.stream",
    "Outcome": "plait._core.outcome",
    "Retry": "plait._run.retry",
    "Report": "plait._run.report",
    "check": "plait._check.check",
    "replay": "plait._check.check",
    "advise": "plait._see.advise.choose",
    "trace": "plait._see.trace",
    "show": "plait._see.show",
    "Trace": "plait._core.trace",
}
_MODULES = ("engines", "errors", "schedulers", "testing")

__all__ = [
    "Future",
    "Journal",
    "Outcome",
    "Pool",
    "Report",
    "Retry",
    "Scope",
    "Stream",
    "Trace",
    "advise",
    "channel",
    "check",
    "current",
    "engines",
    "errors",
    "map",
    "per_worker",
    "replay",
    "rng",
    "schedulers",
    "scope",
    "show",
    "testing",
    "trace",
]


def __getattr__(name: str) -> object:
    from importlib import import_module  # imported already by the interpreter; here to keep the namespace clean

    if name in ("map", "scope"):
        _watch_terminal()
    if name in _HOMES:
        try:
            found: object = getattr(import_module(_HOMES[name]), name)
        except RuntimeError as error:
            if "after shutdown" not in str(error):
                raise
            too_late = f"plait.{name} cannot begin when the interpreter ends, in atexit: call it before the script ends"
            raise import_module("plait._core.errors").UsageError(too_late) from None
        import_module("plait.errors")  # errors say that they are of it, so it has to be there to be looked into
    elif name in _MODULES:
        found = import_module(f"plait.{name}")
    else:
        if name in import_module("plait.errors").__all__:
            elsewhere = "; it is plait.errors." + name
        else:
            elsewhere = import_module("plait._core.mistaken").instead_of(name)
        raise AttributeError(
            f"module 'plait' has no attribute {name!r}{elsewhere}", name=name, obj=sys.modules["plait"]
        )
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def _start_watchdog() -> None:
    from plait._core.daemons import daemons_allowed

    if daemons_allowed():  # not in a subinterpreter: its process has a watchdog already
        from plait._see.watchdog import start_from_environment

        start_from_environment()


def _watch_terminal() -> None:
    """Where somebody reads along, maps and scopes that can never go on say so."""
    if os.environ.get("PLAIT_WATCHDOG") or sys.flags.no_site or sys.stderr is None:
        return
    from plait._core.daemons import daemons_allowed
    from plait._core.streams import is_terminal
    from plait._core.vigil import VIGIL

    if is_terminal(sys.stderr) and VIGIL.wake is None and daemons_allowed():
        from plait._see.watchdog_terminal import TerminalWatchdog

        VIGIL.wake = TerminalWatchdog().wake


if os.environ.get("PLAIT_WATCHDOG") and not sys.flags.no_site:  # our own workers start without site
    _start_watchdog()
