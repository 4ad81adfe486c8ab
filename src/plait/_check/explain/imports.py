"""Says of a thread that waits for an import that it is in progress in another one, which waits in the middle of it."""

from __future__ import annotations

from plait._check.explain.deadlock import side_of, waits_at, what
from plait._check.findings import Finding, Moment
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import Words
from plait._check.record import Blocked, Failure

_WAITS = "_ModuleLock.acquire"  # of importlib, for the end of an import in another thread
_IMPORTS = "_load_unlocked"  # around the body of a module that is imported


def explain_import(history: History, failure: Failure, sources: Sources) -> Finding | None:
    """The finding; None if nobody waits for an import."""
    waits = next((one for one in failure.blocked if _is_in(one, _WAITS)), None)
    others = [one for one in failure.blocked if one is not waits and _is_in(one, _IMPORTS)]
    if waits is None or not others:
        return None
    words, imports = Words(history, sources), others[0]
    sites = waits_at(waits), waits_at(imports)
    name, other = words.thread(waits.thread), words.thread(imports.thread)
    here, there = words.line(sites[0]), words.line(sites[1], sites[0])
    return Finding(
        "deadlock",
        f"Deadlock in the middle of an import: {name}",
        f"{name} imports something in {here} of a module that {other} is in the middle of importing, and waits for the "
        f"end of that. {other} waits in {there}, within that import, for {what(imports, words)}.",
        "Start threads, and wait for them, in a function that is called when its module has been imported; not in the "
        "body of a module, which each thread that imports it waits for.",
        (side_of(waits, words, "waits for an import"), side_of(imports, words, f"waits for {what(imports, words)}")),
        (
            Moment(waits.thread, sites[0], "waits for the end of an import"),
            Moment(imports.thread, sites[1], f"waits for {what(imports, words, '')}, in the middle of that import"),
        ),
        gil=True,
        reason="",
    )


def _is_in(blocked: Blocked, function: str) -> bool:
    return any(frame.function == function and "importlib" in frame.file for frame in blocked.stack)
