"""Says why two accesses of a thread belong together that another thread has come between, and what to change."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from plait._check.atomicity import Split, called_within
from plait._check.findings import Finding
from plait._check.history import History
from plait._check.source import Sources
from plait._check.window import on_gil_builds
from plait._check.words import OUTSIDE, Words
from plait._core.event import Kind, Site


def explain_split(history: History, split: Split, sources: Sources) -> Finding:
    """The finding for a split that happened."""
    words = Words(history, sources)
    kind = kind_of_split(history, split, sources)
    thing = words.thing(split.second if kind == "check then act" else split.first)
    one, other = (words.thread(history.events[index].thread) for index in (split.first, split.other))
    rival = "task" if history.is_task(history.events[split.other].thread) else "thread"
    sites = [history.events[index].site for index in split[1:]]
    gil, reason = on_gil_builds(history, split.first, split.second, sources)
    same = sites[0] is not None and sites[2] is not None and sites[0].line == sites[2].line
    reads = [history.events[index].kind == Kind.READ for index in split[1:]]
    variants = (f"{kind}, one line" if same else "", f"{kind}, seen" if reads[1] else "")
    why = _WHY[next((one for one in variants if one in _WHY), kind)].format(
        one=one,
        other=other,
        thing=thing,
        seen=words.thing(split.first),
        first=words.line(sites[0]),
        between=words.line(sites[1], sites[0]),
        second=words.line(sites[2], sites[0]),
        looks="looks at" if reads[0] else "changes",
        saw="saw" if reads[0] else "wrote",
        again="again " if sites[0] == sites[2] else "",
        lock=_lock_let_go(history, split, words),
        text=sources.line(sites[0].file, sites[0].line) if sites[0] is not None else "",
    )
    moments = [words.moment(index, _remark(history, split, words, index)) for index in _shown(history, split)]
    return Finding(
        kind,
        f"{_TITLE[kind].format(other=rival)} {thing}",
        _plain(why + _who_lacks_it(history, split, words)),
        _plain(_fix(history, split, words, kind, thing)),
        (words.side(split.first), words.side(split.other)),
        tuple(moments),
        gil=gil,
        reason=reason,
    )


def kind_of_split(history: History, split: Split, sources: Sources) -> str:
    """The kind as people know it: a read in the test of an `if` or `while` is a check that is acted upon."""
    first, second = history.events[split.first], history.events[split.second]
    if first.kind != Kind.READ or first.site is None or second.site is None:
        return split.kind
    if sources.in_test(first.site) and split.kind in ("lost update", "non-repeatable read", "data race"):
        return "check then act"
    acts = second.name == "[]" and second.site.text not in _OVERWRITE and sources.is_call(second.site)
    deletes = isinstance(sources.statement(second.site), ast.Delete)
    if split.kind == "lost update" and (acts or deletes or sources.handled(first.site, second.site)):
        return "check then act"
    return split.kind


_OVERWRITE = ("clear", "update", "__setitem__")  # other methods add or remove something and overwrite nothing
_TITLE = {
    "lost update": "Lost update of",
    "data race": "Lost update of",
    "check then act": "Checked, then changed by another {other}:",
    "non-repeatable read": "Changed between two reads:",
    "changed after the write": "Changed by another {other} before it is used:",
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
    "changed after the write": "{one} changes `{thing}` in {first} and goes on in {second} as if nobody else had. In "
    "between {other} changes it, too, in {between}.",
    "broken invariant": "{one} changes `{thing}` in two steps, in {first} and {second}. In between {other} reads it in "
    "{between}, and sees a state that nobody was meant to see.",
    "lock released in between": "{one} {looks} `{seen}` in {first} under {lock}, lets go of it, and takes it again "
    "for {second}. In between {other} changes it in {between}: what {one} {saw} does not hold any more.",
    "lock released in between, seen": "{one} changes `{seen}` in {first} under {lock}, lets go of it, and takes it "
    "again for {second}. In between {other} reads it in {between}, and sees a state that nobody was meant to see.",
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
        if (
            history.events[split.other].kind == Kind.WRITE
            and history.events[index].name != "[]"
            and not words.deletes(index)
        ):
            return f"{does}: overwrites what {words.thread(history.events[split.other].thread)} wrote"
    if index == split.second and history.events[split.first].kind == Kind.READ:
        return f"{does}: not what it was before"
    return does


def _lock_let_go(history: History, split: Split, words: Words) -> str:
    common = sorted(history.locks(split.first) & history.locks(split.second))
    return f"`{words.lock(common[0])}`" if common else "a lock"


def _who_lacks_it(history: History, split: Split, words: Words) -> str:
    """One more sentence when one side holds a lock that the other does not take."""
    mine, theirs = history.held_over(split.first, split.second), history.locks(split.other)
    one, other = (words.thread(history.events[index].thread) for index in (split.first, split.other))
    if mine and theirs and not theirs & mine and split.kind != "lock released in between":
        return (
            f" They hold different locks, `{words.lock(min(mine))}` and `{words.lock(min(theirs))}`, which do not keep "
            "each other out."
        )
    if mine and not theirs & mine:
        return f" {one} holds `{words.lock(min(mine))}` meanwhile, but {other} does not take it."
    if theirs and not mine and split.kind != "lock released in between":
        lock, sites = min(theirs), [history.events[index].site for index in (split.first, split.second)]
        has = [lock in history.locks(index) for index in (split.first, split.second)]
        where, elsewhere = (words.line(site) for site in (sites if has[0] else sites[::-1]))
        some = any(has) and where != elsewhere
        does = f"holds it in {where} only, not in {elsewhere}" if some else "does not take it"
        return f" {other} holds `{words.lock(lock)}` there, but {one} {does}."
    return ""


def _fix(history: History, split: Split, words: Words, kind: str, thing: str) -> str:
    sites = [history.events[index].site for index in (split.first, split.second)]
    lines = words.lines(sites)
    mine, theirs = history.held_over(split.first, split.second), history.locks(split.other)
    where = words.line(history.events[split.other].site, sites[0])
    apart = _are_apart(sites, words.sources)
    if any(site is not None and _spins(site, words.sources) for site in sites):
        return _NO_SPIN.format(lines=lines)
    if kind == "lock released in between":
        return _kept(sites, _lock_let_go(history, split, words), lines, apart=apart)
    if mine and theirs and not theirs & mine:
        return f"Use one and the same lock for `{thing}`, over {lines} and in {where}."
    if mine and not theirs & mine:
        return f"Take `{words.lock(min(mine))}` in {where} too."
    threads = {history.events[index].thread for index in (split.first, split.other)}
    if not theirs and all(map(history.is_task, threads)):
        return _among_tasks(split, history, words, lines, thing)
    name = words.lock(min(theirs)) if theirs else ""
    lock = f"`{name}`" if name else "one lock"
    everywhere = "" if theirs else f", and the same lock wherever else `{thing}` is changed"
    if apart and sites[0] is not None and called_within(history, split.first, split.second):
        first, second = (words.line(site, sites[0]) for site in sites)
        caller = sites[0].function.rpartition(".")[2]
        over = f"in `{caller}` from {first} until the call is over that comes to {second}"
        return _or_else(f"Hold {lock} {over}{everywhere}.", history, split, words, kind)
    around = (
        "in the function that calls both"
        if apart
        else f"`with {name if name and ' ' not in name else 'lock'}:` around {'both' if ' and ' in lines else 'it'}"
    )
    return _or_else(f"Hold {lock} over {lines} ({around}){everywhere}.", history, split, words, kind)


def _kept(sites: Sequence[Site | None], lock: str, lines: str, *, apart: bool) -> str:
    """The fix where a lock is let go in between."""
    one, two = (site.function.rpartition(".")[2] if site is not None else "" for site in sites)
    if apart and one == two:
        return _ACCESSORS.format(name=one, lock=lock)
    if apart:
        return (
            f"Hold {lock} in the function that calls both, around {lines}; if it is an RLock, they may go on taking it "
            "themselves."
        )
    return f"Keep {lock} from the first to the last: one `with` block around {lines}."


_NO_SPIN = (
    "No lock can be held over a loop that waits for what another thread does. If {lines} are to keep threads out, put "
    "a `threading.Lock` in their place; if they wait for something to happen, use a `threading.Condition` or an Event."
)
_ACCESSORS = (
    "An update such as `x.{name} += 1` calls both, one after the other, and lets go of {lock} in between. Do it in one "
    "method of the class that holds {lock} over both the reading and the writing, and call that."
)


def _are_apart(sites: Sequence[Site | None], sources: Sources) -> bool:
    """Whether the two are in different functions: the getter and the setter of a property have one name."""
    one, two = sites
    if one is None or two is None:
        return False
    return one.function != two.function or sources.function(one) is not sources.function(two)


def _spins(site: Site, sources: Sources) -> bool:
    """Whether it is the test of a loop that does nothing but ask again, or sleep in between."""
    loop = sources.enclosing(site, ast.While)
    if not isinstance(loop, ast.While) or not sources.in_test(site):
        return False
    return all(
        isinstance(one, ast.Pass | ast.Continue)
        or (isinstance(one, ast.Expr) and (isinstance(one.value, ast.Constant) or "sleep(" in ast.unparse(one)))
        for one in loop.body
    )


def _among_tasks(split: Split, history: History, words: Words, lines: str, thing: str) -> str:
    """The fix where tasks take turns: one lock over both, that which one of them has already if there is one."""
    first, other, second = (history.events[index].site for index in split[1:])
    blocks = [words.sources.async_block(site) if site is not None else ("", 0) for site in (first, other, second)]
    mine = next((name for name, _ in (blocks[2], blocks[0]) if name), "")
    if mine and blocks[0] == blocks[2]:
        return f"Take `{mine}` in {words.line(other, first)} too (`async with {mine}:`)."
    if mine and blocks[0][0] == blocks[2][0]:
        return f"Keep `{mine}` from the first to the last: one `async with` block around {lines}."
    if mine:
        outside, (_, block) = (first, blocks[2]) if blocks[2][0] else (second, blocks[0])
        return f"Hold `{mine}` over {lines}: put {words.line(outside)} into the `async with` block of line {block}."
    if blocks[1][0]:
        theirs = blocks[1][0]
        return f"Hold `{theirs}` over {lines}, too (`async with {theirs}:`), as around {words.line(other, first)}."
    between, them = ("between", "them") if " and " in lines else ("into", "it")
    return (
        f"Put no `await` {between} {lines}, or hold one `asyncio.Lock` over {them} "
        f"(`async with lock:`), and the same lock wherever else `{thing}` is changed."
    )


def _or_else(fix: str, history: History, split: Split, words: Words, kind: str) -> str:
    """The fix with what else would do."""
    if kind == "non-repeatable read":
        names = {history.events[index].name for index in (split.first, split.second)}
        parts = any(name == "[]" for name in names) or len(names) > 1
        once = "Take a copy once, which is one step," if parts else "Read it once into a local name"
        return f"{once} and use that; or: {fix[0].lower()}{fix[1:]}"
    if kind == "data race":
        lines = words.lines([history.events[index].site for index in (split.first, split.second)])
        return f"{fix} If losing some does no harm, say why behind {lines}: `# plait: may be lost: the reason`."
    return fix + _ready_made(history, split, words.sources, kind)


def _plain(text: str) -> str:
    """What is no name in the source stands without quotes."""
    for name in OUTSIDE.values():
        text = text.replace(f"`{name}`", name)
    return text


def _ready_made(history: History, split: Split, sources: Sources, kind: str) -> str:
    """What would do both in one step."""
    place = history.record.places.get(history.events[split.second].place)
    label = place.label if place is not None else ""
    if label == "Database":
        return (
            " Or let the database do both at once: one statement (`SET n = n - ?`), or one transaction that begins "
            "with `BEGIN IMMEDIATE`, on a connection for each thread."
        )
    if kind != "check then act":
        return ""
    if label == "Files":
        return (
            " Against other processes no lock of threads helps: do it at once, without asking, and catch the exception "
            "(`FileNotFoundError`; `FileExistsError` with `open(path, 'x')`)."
        )
    site = history.events[split.first].site
    asks = site is not None and " not in " in sources.line(site.file, site.line)
    if asks and label in ("dict", "OrderedDict") and history.events[split.second].name != "[]":
        return " If making the value twice does no harm, `dict.setdefault` checks and sets in one step."
    return ""
