"""Says why a use and a change came in the wrong order, and what would keep them in the right one."""

from __future__ import annotations

import ast

from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding, Moment
from plait._check.reading.atomicity import overlap
from plait._check.reading.history import History
from plait._check.reading.ordering import Swap
from plait._check.reading.source import Sources
from plait._check.reading.waits import receiver
from plait._check.reading.words import Words
from plait._core.event import Event, Kind, Site


def explain_gap(history: History, swap: Swap, sources: Sources) -> Finding | None:
    """The finding for a use between two changes of one call, each under the lock that the use has; None if it is not.

    What the first has taken away, the second would have put back.
    """
    use, site = history.events[swap.use], swap.site
    if not swap.late or site is None or not history.locks(swap.use):
        return None
    mine = [index for index in history.of.get(swap.writer, []) if index < swap.use]
    changed = [
        index for index in mine if history.events[index].kind == Kind.WRITE and overlap(history.events[index], use)
    ]
    if not changed or not history.locks(changed[-1]) & history.locks(swap.use):
        return None
    first = history.events[changed[-1]]
    if first.site is None or first.site.function != site.function or first.site.line >= site.line:
        return None
    words = Words(history, sources)
    writer, user = words.thread(swap.writer), words.thread(use.thread)
    lock = words.lock(min(history.locks(changed[-1]) & history.locks(swap.use)))
    thing, lines = words.thing(changed[-1]), words.block([first.site, site])
    return Finding(
        "lock released in between",
        f"The lock is let go too early: {thing}",
        f"{writer} changes `{thing}` in {words.line(first.site)} under `{lock}` and lets go of it, before it changes "
        f"it again in {words.line(site)}. In between {user} reads it in {words.line(use.site, site)}, and sees a "
        "state that nobody was meant to see.",
        f"Keep `{lock}` from the first to the last: one `with` block around {lines}.",
        (words.side(changed[-1]), words.side(swap.use)),
        (
            words.moment(changed[-1]),
            words.moment(swap.use),
            Moment(swap.writer, site, f"would write {words.thing(swap.use)}, but has not come so far"),
        ),
        gil=True,
        reason="a lock is let go in between",
    )


def explain_swap(history: History, swap: Swap, sources: Sources) -> Finding:
    """The finding for a use that came before the change it relies on, or after one that ends it."""
    words = Words(history, sources)
    event = history.events[swap.use]
    user, writer = words.thread(event.thread), words.thread(swap.writer)
    thing = words.thing(swap.use)
    use, change = words.line(event.site), words.line(swap.site, event.site)
    rows = [(swap.use, words.moment(swap.use, f"reads {thing}{', too early' if swap.late else ', too late'}"))]
    if swap.change >= 0:
        rows.append((swap.change, words.moment(swap.change)))
    else:
        last = _last_before(history, swap.writer, swap.use)
        rows.append((last, words.moment(last)) if last >= 0 else (-1, Moment(swap.writer, swap.site, "")))
        rows.append(
            (len(history.events), Moment(swap.writer, swap.site, f"would write {thing}, but has not come so far"))
        )
    moments = tuple(moment for _, moment in sorted(rows, key=lambda row: row[0]) if moment.does)
    gil, reason = _window_of_swap(history, swap, sources)
    if swap.late:
        kind, title = "used before ready", f"Used before it is ready: {thing}"
        why = (
            f"{user} uses `{thing}` in {use} before {writer} has given it its value in {change}. Nothing makes it wait."
        )
        fix = _wait_for(history, swap, words)
    else:
        kind = "used after the end" if ends(sources, swap.site) else "wrong order"
        title = f"{'Used after its end' if kind == 'used after the end' else 'In the wrong order'}: {thing}"
        why = (
            f"{user} uses `{thing}` in {use} after {writer} has changed it in {change}. "
            "The program relies on the other order, and nothing enforces it."
        )
        fix = _keep_apart(history, swap, words)
    side = words.side(swap.use)
    other = side._replace(thread=swap.writer, name=writer, does=f"writes {thing}", site=swap.site)
    return Finding(kind, title, why, fix, (side, other), moments, gil=gil, reason=reason)


def _keep_apart(history: History, swap: Swap, words: Words) -> str:
    """How an end can wait for the last use."""
    use = history.events[swap.use]
    thing, change = words.thing(swap.use), words.line(swap.site, use.site)
    if history.is_timer(swap.writer):
        return (
            f"cancel() does not stop a Timer whose time has come. Where it is cancelled say so in a variable as well, "
            f"under a lock, and let the Timer ask for that under the same lock before it comes to {change}."
        )
    if history.is_task(use.thread):
        return (
            f"Let {change} wait until nobody uses `{thing}` any more: await the tasks that do, with `await task`, with "
            "`asyncio.gather`, or by the end of a `TaskGroup`. Who is cancelled or no longer waited for may still run."
        )
    return (
        f"Let {change} wait until nobody uses `{thing}` any more: join the users first; or hold one lock "
        "over the check and the use, and over the change."
    )


def _wait_for(history: History, swap: Swap, words: Words) -> str:
    """How a use can wait for the change it relies on: what has let its thread go on should come after it."""
    use = history.events[swap.use]
    user, writer, change = words.thread(use.thread), words.thread(swap.writer), words.line(swap.site, use.site)
    told = _let_go_on(history, swap, words.sources)
    if told is not None:
        return f"Do what {change} does before {words.line(told, swap.site)}, which lets {user} go on."
    if any((event.kind, event.place) == (Kind.START, use.thread) for event in _of(history, swap.writer)):
        return (
            f"Do what {change} does before {user} is started; or let {user} wait for a threading.Event that is set "
            f"after {change}."
        )
    return (
        f"Let {user} wait until it is there: join() {writer}, or wait for a threading.Event that is set after "
        f"{change}. Or do what {change} does before the thread is started."
    )


def _let_go_on(history: History, swap: Swap, sources: Sources) -> Site | None:
    """Where the writer has told the user to go on, in the function that writes too late; None if it has not."""
    late = swap.site
    for index in reversed(history.of.get(swap.writer, [])):
        site = history.events[index].site
        told = index < swap.use and history.events[index].kind == Kind.RELEASE and history.before(index, swap.use)
        if told and site is not None and late is not None and site.function == late.function and site.line < late.line:
            text = sources.line(site.file, site.line)
            return site if any(receiver(text, method) for method in TELLING) else None
    return None


TELLING = ("set", "put", "put_nowait", "notify", "notify_all", "release", "set_result")


def _of(history: History, thread: int) -> list[Event]:
    return [history.events[index] for index in history.of.get(thread, [])]


def explain_captured(history: History, sources: Sources) -> Finding | None:
    """The finding for a variable that a thread reads when its maker has gone on to the next value; None if none is."""
    begun = {event.place: index for index, event in enumerate(history.events) if event.kind == Kind.START}
    for use, event in enumerate(history.events):
        place = history.record.places.get(event.place)
        if event.kind != Kind.READ or place is None or place.label != "Scope" or event.thread not in begun:
            continue
        maker = history.events[begun[event.thread]].thread
        earlier = [index for index in history.of[maker] if index < use and _binds(history, index, use)]
        if earlier and earlier[-1] > begun[event.thread] and _again(history, earlier):
            return _captured(history, use, earlier[-1], sources)
    return None


def _binds(history: History, index: int, use: int) -> bool:
    one, other = history.events[index], history.events[use]
    return one.kind == Kind.WRITE and (one.place, one.name) == (other.place, other.name)


def _again(history: History, writes: list[int]) -> bool:
    """Whether one line gives the variable its values, in a loop."""
    return len(writes) > 1 and len(set(history.sites(*writes))) == 1


def _captured(history: History, use: int, change: int, sources: Sources) -> Finding:
    words = Words(history, sources)
    user, maker = words.thread(history.events[use].thread), words.thread(history.events[change].thread)
    name = history.events[use].name
    here, there = history.events[use].site, history.events[change].site
    return Finding(
        "wrong order",
        f"Read too late: {name}",
        f"{user} reads the variable `{name}` in {words.line(here)} when it runs, not when it was made. By then {maker} "
        f"has given it its next value in {words.line(there, here)}.",
        f"Hand the value over when the thread is made: `args=({name},)`, or as a default, `lambda {name}={name}: ...`.",
        (words.side(use), words.side(change)),
        (words.moment(change, f"gives {name} its next value"), words.moment(use, f"reads {name}, for the first time")),
    )


def _last_before(history: History, thread: int, index: int) -> int:
    earlier = [
        one for one in history.of.get(thread, []) if one < index and history.events[one].site is not None
    ]  # fmt: skip
    return earlier[-1] if earlier else -1


def _window_of_swap(history: History, swap: Swap, sources: Sources) -> tuple[bool | None, str]:
    """A change that comes too late was on its way: can its thread be stopped right before it?"""
    last = _last_before(history, swap.writer, swap.use)
    if not swap.late or swap.change < 0 or last < 0:
        return True, ""
    if history.events[last].kind not in (Kind.READ, Kind.WRITE):
        return True, ""
    return on_gil_builds(history, last, swap.change, sources)


def ends(sources: Sources, site: Site | None) -> bool:
    """Whether what is written there is an end: `None`, a `del`, a function that closes or removes something."""
    if site is None:
        return False
    statement = sources.statement(site)
    if isinstance(statement, ast.Delete):
        return True
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
        return statement.value.value in (None, False, True)
    name = f"{site.function}.{site.text}".lower()
    return any(
        word in name for word in ("close", "stop", "shutdown", "exit", "clear", "pop", "remove", "delete", "free")
    )
