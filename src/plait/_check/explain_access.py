"""Says why accesses of several threads to the same thing are wrong, and what to change: splits, swaps, iterations."""

from __future__ import annotations

import ast

from plait._check.atomicity import Split
from plait._check.findings import Finding, Moment
from plait._check.history import History
from plait._check.ordering import Swap
from plait._check.source import Sources
from plait._check.window import on_gil_builds
from plait._check.words import Words
from plait._core.event import Kind, Site

_TESTS = (ast.If, ast.While, ast.IfExp, ast.Assert)


def kind_of_split(history: History, split: Split, sources: Sources) -> str:
    """The kind as people know it: a read in the test of an `if` or `while` is a check that is acted upon."""
    site = history.events[split.first].site
    checks = history.events[split.first].kind == Kind.READ and site is not None and in_test(sources, site)
    if checks and split.kind in ("lost update", "non-repeatable read", "data race"):
        return "check then act"
    return split.kind


def explain_split(history: History, split: Split, sources: Sources, *, confirmed: bool = True) -> Finding:
    """The finding for a split that happened, or that is predicted."""
    words = Words(history, sources)
    kind = kind_of_split(history, split, sources)
    thing = words.thing(split.second if kind == "check then act" else split.first)
    one, other = (words.thread(history.events[index].thread) for index in (split.first, split.other))
    sites = [history.events[index].site for index in split[1:]]
    gil, reason = on_gil_builds(history, split.first, split.second, sources)
    same = sites[0] is not None and sites[2] is not None and sites[0].line == sites[2].line
    why = _WHY[f"{kind}, one line" if same and f"{kind}, one line" in _WHY else kind].format(
        one=one,
        other=other,
        thing=thing,
        seen=words.thing(split.first),
        first=words.line(sites[0]),
        between=words.line(sites[1], sites[0]),
        second=words.line(sites[2], sites[0]),
        again="again " if sites[0] == sites[2] else "",
        lock=_lock_let_go(history, split, words),
        text=sources.line(sites[0].file, sites[0].line) if sites[0] is not None else "",
    )
    moments = [words.moment(index, _remark(history, split, words, index)) for index in _shown(history, split)]
    return Finding(
        kind,
        f"{_TITLE[kind]} {thing}",
        why + _who_lacks_it(history, split, words),
        _fix(history, split, words, kind, thing),
        (words.side(split.first), words.side(split.other)),
        tuple(moments),
        confirmed,
        gil,
        reason,
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
        fix = (
            f"Make `{thing}` ready before anybody can get at it: move {change} up, before the thread is started or the "
            "flag is set; or let the user wait for a threading.Event that is set after it."
        )
    else:
        kind = "used after the end" if _ends(sources, swap.site) else "wrong order"
        title = f"{'Used after its end' if kind == 'used after the end' else 'In the wrong order'}: {thing}"
        why = (
            f"{user} uses `{thing}` in {use} after {writer} has changed it in {change}. "
            "The program relies on the other order, and nothing enforces it."
        )
        fix = (
            f"Let {change} wait until nobody uses `{thing}` any more: join the users first; or hold one lock "
            "over the check and the use, and over the change."
        )
    side = words.side(swap.use)
    other = side._replace(thread=swap.writer, name=writer, does=f"writes {thing}", site=swap.site)
    return Finding(kind, title, why, fix, (side, other), moments, gil=gil, reason=reason)


def explain_iteration(history: History, reading: int, change: int, sources: Sources) -> Finding:
    """The finding for a container that one thread changes while another goes through it."""
    words = Words(history, sources)
    sites = [history.events[index].site for index in (reading, change)]
    one, other = words.thread(history.events[reading].thread), words.thread(history.events[change].thread)
    thing = words.thing(reading)
    return Finding(
        "changed while iterated",
        f"Changed while it is iterated: {thing}",
        f"{one} goes through `{thing}` in {words.line(sites[0])}; before it is through, {other} changes it in "
        f"{words.line(sites[1], sites[0])}.",
        f"Go through a copy made under a lock (`with lock: snapshot = list({thing})`), and take the same lock in "
        f"{words.line(sites[1], sites[0])}.",
        (words.side(reading), words.side(change)),
        (
            words.moment(reading, f"is going through {thing}"),
            words.moment(change, f"changes {thing}"),
            words.moment(reading, "takes the next one, and fails"),
        ),
        gil=True,
        reason="a loop may switch threads each time it goes round",
    )


def in_test(sources: Sources, site: Site) -> bool:
    """Whether the site is in the test of an `if` or `while`, or in an `assert`."""
    node = sources.enclosing(site, _TESTS)
    test = getattr(node, "test", None)
    return (
        isinstance(test, ast.expr)
        and (test.lineno, test.col_offset) <= (site.line, site.column)
        and (
            site.end_line,
            site.end_column,
        )
        <= (test.end_lineno or 0, test.end_col_offset or 0)
    )


_TITLE = {
    "lost update": "Lost update of",
    "data race": "Lost update of",
    "check then act": "Checked, then changed by another thread:",
    "non-repeatable read": "Changed between two reads:",
    "broken invariant": "Seen half changed:",
    "lock released in between": "The lock is let go too early:",
}

_WHY = {
    "lost update": "{one} reads `{thing}` in {first} and writes a new value, made from what it read, in {second}. In "
    "between {other} writes `{thing}` in {between}, and that write is lost.",
    "lost update, one line": "`{text}` in {first} is two steps: it reads `{thing}`, then writes the new value. {one} "
    "has read and not yet written when {other} writes `{thing}` in {between}; that write is lost.",
    "data race": "{one} reads `{thing}` and writes back a new value made from it in {second}. In between {other} "
    "writes `{thing}` in {between}, and that write is lost: no lock and no order keeps them apart. The program did not "
    "notice this time.",
    "check then act": "{one} checks `{seen}` in {first} and acts on the answer in {second}. In between {other} changes "
    "it in {between}, so the answer does not hold any more.",
    "non-repeatable read": "{one} reads `{thing}` in {first} and {again}in {second}, and takes it to be the same. In "
    "between {other} changes it in {between}.",
    "broken invariant": "{one} changes `{thing}` in two steps, in {first} and {second}. In between {other} reads it in "
    "{between}, and sees a state that nobody was meant to see.",
    "lock released in between": "{one} looks at `{seen}` in {first} under {lock}, lets go of it, and takes it again "
    "for {second}. In between {other} changes it in {between}: what {one} saw does not hold any more.",
}


def _shown(history: History, split: Split) -> list[int]:
    """The events of the timeline: the three, and the read of a write in between that is itself an update."""
    event = history.events[split.other]
    shown = [split.first, split.other, split.second]
    mine = history.of[event.thread]
    before = mine[max(0, history.steps[split.other] - 8) : history.steps[split.other]]
    for index in reversed(before):
        earlier = history.events[index]
        if (earlier.kind, earlier.place, earlier.name) == (Kind.READ, event.place, event.name):
            if event.kind == Kind.WRITE and earlier.site is not None and event.site is not None:
                if earlier.site.function == event.site.function and index < split.second:
                    shown.append(index)
            break
    return sorted(shown)


def _remark(history: History, split: Split, words: Words, index: int) -> str:
    does = words.does(index)
    if index == split.second and history.events[index].kind == Kind.WRITE:
        if history.events[split.other].kind == Kind.WRITE:
            return f"{does}: overwrites what {words.thread(history.events[split.other].thread)} wrote"
    if index == split.second and history.events[split.first].kind == Kind.READ:
        return f"{does}: not what it was in {words.line(history.events[split.first].site)}"
    return does


def _lock_let_go(history: History, split: Split, words: Words) -> str:
    common = sorted(history.locks(split.first) & history.locks(split.second))
    return f"`{words.lock(common[0])}`" if common else "a lock"


def _who_lacks_it(history: History, split: Split, words: Words) -> str:
    """One more sentence when one side holds a lock that the other does not take."""
    mine = history.held_over(split.first, split.second) - history.signals
    theirs = history.locks(split.other) - history.signals
    one, other = (words.thread(history.events[index].thread) for index in (split.first, split.other))
    if mine and not theirs & mine:
        return f" {one} holds `{words.lock(min(mine))}` meanwhile, but {other} does not take it."
    if theirs and not mine and split.kind != "lock released in between":
        return f" {other} holds `{words.lock(min(theirs))}` there, but {one} does not take it."
    return ""


def _fix(history: History, split: Split, words: Words, kind: str, thing: str) -> str:
    sites = [history.events[index].site for index in (split.first, split.second)]
    lines = words.lines(sites)
    mine = history.held_over(split.first, split.second) - history.signals
    theirs = history.locks(split.other) - history.signals
    where = words.line(history.events[split.other].site, sites[0])
    if kind == "lock released in between":
        return (
            f"Keep {_lock_let_go(history, split, words)} from the first to the last: one `with` block around {lines}."
        )
    if mine and not theirs & mine:
        return f"Take `{words.lock(min(mine))}` in {where} too."
    lock = f"`{words.lock(min(theirs))}`" if theirs else "one lock"
    everywhere = "" if theirs else f", and the same lock wherever else `{thing}` is changed"
    fix = f"Hold {lock} over {lines} (`with lock:` around {'both' if ' and ' in lines else 'it'}){everywhere}."
    if kind == "non-repeatable read":
        return f"Read it once into a local name and use that; or: {fix[0].lower()}{fix[1:]}"
    if kind == "check then act":
        return fix + _ready_made(history, split)
    return fix


def _ready_made(history: History, split: Split) -> str:
    """What the standard library has for a check and an act in one."""
    place = history.record.places.get(history.events[split.second].place)
    label = place.label if place is not None else ""
    if label in ("dict", "OrderedDict") and history.events[split.second].kind == Kind.WRITE:
        return " If making the value twice does no harm, `dict.setdefault` checks and sets in one step."
    if label in ("list", "deque", "dict", "set") and history.events[split.second].kind == Kind.READ:
        return " Or act without the check and catch the exception."
    return ""


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


def _ends(sources: Sources, site: Site | None) -> bool:
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
