"""Says what to change where two accesses that belong together have been split: what to hold which lock over."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from plait._check.process_wide import IN_DATABASE, IN_FILES
from plait._check.reading.atomicity import Split, called_within, one_call, overlap, updates
from plait._check.reading.history import History
from plait._check.reading.source import Sources, span
from plait._check.reading.touched import called_name
from plait._check.reading.words import Words
from plait._core.event import Kind, Site

_LOCKS = ("Lock", "Condition", "Semaphore")


def fix_of_split(history: History, split: Split, words: Words, kind: str, thing: str) -> str:
    """The sentences for a split of this kind, in which `thing` has changed."""
    sites = history.sites(split.first, split.second)
    lines, apart = words.lines(sites), _are_apart(sites, words.sources)
    mine, theirs = history.held_over(split.first, split.second), history.locks(split.other)
    where = words.line(history.events[split.other].site, sites[0])
    if any(site is not None and _spins(site, words.sources) for site in sites):
        return _NO_SPIN.format(lines=lines)
    over = lines if apart else words.block(_reach(history, split, words.sources))
    if kind == "lock released in between":
        return _kept(history, split, words, over, apart=apart)
    if mine and theirs and not theirs & mine:
        made = _made(min(mine), min(theirs), words)
        return f"Use one and the same lock for `{thing}`, over {over} and in {where}.{made}"
    if mine and not theirs & mine:
        return _taken_there(history, split, words, min(mine))
    threads = {history.events[index].thread for index in (split.first, split.other)}
    if not theirs and all(map(history.is_task, threads)):
        loops = {history.loop_thread(thread) for thread in threads}
        return _among_tasks(split, history, words, thing) if len(loops) < 2 else _among_loops(over, thing)
    if theirs and not mine and (tried := tried_in_vain(history, split, min(theirs))) is not None:
        return (
            f"Look at what acquire() gives in {words.line(tried)}: False says that `{words.lock(min(theirs))}` was not "
            f"taken, and then {over} must not be done. Or wait for as long as it takes: `with`, or acquire() without a "
            "timeout."
        )
    theirs = frozenset(place for place in theirs if _is_of_program(place, words))
    held, elsewhere = (min(theirs), "") if theirs else _usual_lock(history, split, words)
    name = words.lock(held) if held >= 0 else ""
    everywhere = elsewhere or ("" if theirs else f", and the same lock wherever else `{thing}` is changed")
    block = f"with {name if name and ' ' not in name else 'lock'}:"
    place = _across(history, split, words, block) if apart else _turn_of_loop(sites, words.sources, block)
    place = place or f"over {over} (`{block}` around {_amount(over)})"
    return _or_else(f"Hold {f'`{name}`' if name else 'one lock'} {place}{everywhere}.", history, split, words, kind)


def _taken_there(history: History, split: Split, words: Words, lock: int) -> str:
    """What to do about an access without the lock: who had it before, in the same call, has to keep it."""
    name, other = words.lock(lock), history.events[split.other]
    where = words.line(other.site, history.events[split.first].site)
    for index in reversed(history.of[other.thread][: history.steps[split.other]]):
        event = history.events[index]
        if (event.kind, event.place) == (Kind.ACQUIRE, lock) and one_call(history, index, split.other):
            block = words.block([event.site, other.site])
            return (
                f"Keep `{name}` until {where} is done: one `with` block around {block}. If it is taken anew, what was "
                "seen before may be old by then."
            )
    return f"Take `{name}` in {where} too."


def _made(mine: int, theirs: int, words: Words) -> str:
    """Where the two different locks come from."""
    one, other = (words.history.record.places[place].made for place in (mine, theirs))
    if one is None or other is None:
        return ""
    if one != other:
        where = words.line(other, one)
        return f" `{words.lock(mine)}` is made in {words.line(one)}, `{words.lock(theirs)}` in {where}."
    return (
        f" {words.line(one).capitalize()} makes a new one each time that it is run, which keeps nobody out: make one "
        "where it is run only once, in the body of the class or of the module."
    )


class _Caller(NamedTuple):
    """The function that calls those of both accesses, and where it does, in words: ``over lines 5 to 7 of `sell```."""

    function: ast.AST
    lines: str


def _caller_of_both(history: History, split: Split, words: Words) -> _Caller | None:
    """The one function that does; None if none or several do."""
    sites = history.sites(split.first, split.second)
    one, two = (site.function.rpartition(".")[2] if site is not None else "" for site in sites)
    mine = [history.events[index].site for index in history.of[history.events[split.first].thread]]
    files = dict.fromkeys(site.file for site in mine if site is not None)
    found = []
    for function in (each for file in files for each in words.sources.functions(file)):
        calls = [(called_name(node), node.lineno) for node in ast.walk(function) if isinstance(node, ast.Call)]
        first = [line for name, line in calls if name == one]
        last = [line for name, line in calls if name == two and first and line >= min(first)]
        if last and function.name not in (one, two):
            found.append(_Caller(function, f"over {words.from_to(min(first), max(last))} of `{function.name}`"))
    return found[0] if len(found) == 1 else None


def _seen_from(function: ast.AST, methods: tuple[str, str], lock: str) -> str:
    """What a function that calls these methods calls the lock of their object: ``other.lock`` where they say `self`."""
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    owners = {ast.unparse(one.value) for one in calls if isinstance(one, ast.Attribute) and one.attr in methods}
    owner = next(iter(owners), "") if len(owners) == 1 else ""
    return f"{owner}.{lock.removeprefix('self.')}" if owner and lock.startswith("self.") else lock


def tried_in_vain(history: History, split: Split, lock: int) -> Site | None:
    """Where the thread that was split tried to take the lock before, in the same call, and did not get it."""
    first = history.events[split.first]
    tried = None
    for index in history.of[first.thread][: history.steps[split.first]]:
        event = history.events[index]
        if event.place == lock and event.kind in (Kind.TRY, Kind.ACQUIRE):
            failed = event.kind == Kind.TRY and event.name != "locked" and one_call(history, index, split.first)
            tried = event.site if failed else None
    return tried


def _across(history: History, split: Split, words: Words, block: str) -> str:
    """What to hold the lock over where the two are in different functions."""
    sites = history.sites(split.first, split.second)
    first, second = (words.line(site, sites[0]) for site in sites)
    if sites[0] is not None and called_within(history, split.first, split.second):
        caller = sites[0].function.rpartition(".")[2]
        return f"in `{caller}` from {first} until the call is over that comes to {second}"
    call = call_of_first(history, split, words.sources)
    if call is None and (both := _caller_of_both(history, split, words)) is not None:
        return f"{both.lines}, which comes to {words.lines(sites)}"
    if call is None:
        return f"over {words.lines(sites)} (in the function that calls both)"
    over = words.block([call, sites[1]])
    return f"over {over} (`{block}` around {_amount(over)}; {words.line(call)} comes to {words.line(sites[0], call)})"


def _amount(lines: str) -> str:
    """What stands for them behind "around"."""
    return "all of it" if " to " in lines else "both" if " and " in lines else "it"


def call_of_first(history: History, split: Split, sources: Sources) -> Site | None:
    """Where the function of the second access calls that of the first; None if it does not, or elsewhere."""
    first, second = history.sites(split.first, split.second)
    mine = history.of[history.events[split.first].thread]
    if first is None or second is None:
        return None
    entered = [
        index
        for index in mine[: history.steps[split.first]]
        if history.events[index].kind == Kind.ENTER
        if (site := history.events[index].site) is not None and site.function == second.function
    ]
    if not entered or not one_call(history, entered[-1], split.second):
        return None
    name, function = first.function.rpartition(".")[2], sources.function(second)
    calls = [one for one in ast.walk(function) if isinstance(one, ast.Call)] if function is not None else []
    spans = [span(one) for one in calls if called_name(one) == name]
    before = [one for one in sorted(spans) if one[0] <= second.line]
    return Site(second.file, *before[0], second.function, "") if before else None


def _usual_lock(history: History, split: Split, words: Words) -> tuple[int, str]:
    """The lock that others hold where they use the same object, and the line of one who does; -1 and "" for none."""
    event = history.events[split.second]
    used = [
        index
        for index, one in enumerate(history.events)
        if one.place == event.place and any(_is_of_program(place, words) for place in history.locks(index))
    ]
    same = [index for index in used if overlap(history.events[index], event)]
    index = next(iter(same or used), -1)
    if index < 0:
        return -1, ""
    lock = min(place for place in history.locks(index) if _is_of_program(place, words))
    return lock, f", as it is in {words.line(history.events[index].site, event.site)}"


def _is_of_program(lock: int, words: Words) -> bool:
    """Whether the program can take a lock: not one that is within what it uses, as a pool has them."""
    place, name = words.history.record.places.get(lock), words.lock(lock)
    if not name.startswith("the ") and " of line " not in name:
        return True
    if place is None or place.made is None:
        return False
    return any(word in words.sources.line(place.made.file, place.made.line) for word in _LOCKS)


def _turn_of_loop(sites: Sequence[Site | None], sources: Sources, block: str) -> str:
    """What to lock where the test of a `while` and a line in its body belong together, which no block has both."""
    one, two = sites
    loop = sources.enclosing(one, ast.While) if one is not None and sources.in_test(one) else None
    if two is None or not isinstance(loop, ast.While) or not loop.lineno < two.line <= (loop.end_lineno or 0):
        return ""
    return (
        f"over the test and line {two.line}: turn the loop into `while True:`, and in it `{block}` around both, the "
        "test as `if not ...: break`"
    )


def _reach(history: History, split: Split, sources: Sources) -> list[Site | None]:
    """The first and the last place in the same call that belong under the lock, with the two that were split.

    An earlier test of an `if` looks at what is changed; what is read again right behind is what was written.
    """
    first, second = history.events[split.first], history.events[split.second]
    start, end = first.site, second.site
    for index in history.of[first.thread]:
        event = history.events[index]
        if event.site is None or event.kind != Kind.READ or not overlap(event, second):
            continue
        if index < split.first and start is first.site and one_call(history, index, split.second):
            tested = sources.in_test(event.site) and sources.enclosing(event.site, (ast.If, ast.While))
            start = event.site if isinstance(tested, ast.If) else start
        if index > split.second and end is not None and one_call(history, split.second, index):
            end = event.site if sources.follows(end, event.site) else end
    return [start, end]


def _kept(history: History, split: Split, words: Words, lines: str, *, apart: bool) -> str:
    """The fix where a lock is let go in between."""
    lock = lock_let_go(history, split, words)
    if not apart:
        return f"Keep {lock} from the first to the last: one `with` block around {lines}."
    sites = history.sites(split.first, split.second)
    one, two = (site.function.rpartition(".")[2] if site is not None else "" for site in sites)
    if one == two:
        return _ACCESSORS.format(name=one, lock=lock)
    place = min(history.locks(split.first) & history.locks(split.second), default=-1)
    twice = (
        "it is an RLock, so they may go on taking it themselves"
        if place >= 0 and history.record.places[place].label == "RLock"
        else "and let them not take it again, or make it a `threading.RLock`, which a thread may take twice"
    )
    caller = _caller_of_both(history, split, words)
    where = f"{caller.lines}, which calls both" if caller else f"in the function that calls both, around {lines}"
    lock = f"`{_seen_from(caller.function, (one, two), lock.strip('`'))}`" if caller and lock[0] == "`" else lock
    return f"Hold {lock} {where}; {twice}."


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


def _among_loops(over: str, thing: str) -> str:
    """The fix where the tasks are of two loops, which run in threads of their own."""
    return (
        "The two tasks belong to the event loops of different threads, so no asyncio.Lock keeps them apart. Hold one "
        f"`threading.Lock` over {over} (`with lock:`), with no `await` in it, and the same lock wherever else "
        f"`{thing}` is changed; or run both in one loop."
    )


def _among_tasks(split: Split, history: History, words: Words, thing: str) -> str:
    """The fix where tasks take turns: one lock over both, that which one of them has already if there is one."""
    first, other, second = history.sites(*split[1:])
    first = call_of_first(history, split, words.sources) or first
    lines = words.lines([first, second])
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
    over = words.block([first, second])
    them = them if over == lines else over
    return (
        f"Put no `await` {between} {lines}, or hold one `asyncio.Lock` over {them} "
        f"(`async with lock:`), and the same lock wherever else `{thing}` is changed."
    )


def _or_else(fix: str, history: History, split: Split, words: Words, kind: str) -> str:
    """The fix with what else would do."""
    if kind == "non-repeatable read" and not updates(history, split.second):
        names = {history.events[index].name for index in (split.first, split.second)}
        parts = any(name == "[]" for name in names) or len(names) > 1
        once = "Take a copy once, which is one step," if parts else "Read it once into a local name"
        return f"{once} and use that; or: {fix[0].lower()}{fix[1:]}"
    if kind == "data race":
        lines = words.lines(history.sites(split.first, split.second))
        return f"{fix} If losing some does no harm, say why behind {lines}: `# plait: may be lost: the reason`."
    return fix + _ready_made(history, split, words.sources, kind)


def _ready_made(history: History, split: Split, sources: Sources, kind: str) -> str:
    """What would do both in one step."""
    place = history.record.places.get(history.events[split.second].place)
    label = place.label if place is not None else ""
    if label == IN_DATABASE:
        return (
            " Or let the database do both at once: one statement (`SET n = n - ?`), or one transaction that begins "
            "with `BEGIN IMMEDIATE`, on a connection for each thread."
        )
    if kind != "check then act":
        return ""
    if label == IN_FILES:
        return (
            " Against other processes no lock of threads helps: do it at once, without asking, and catch the exception "
            "(`FileNotFoundError`; `FileExistsError` with `open(path, 'x')`)."
        )
    site = history.events[split.first].site
    asks = site is not None and " not in " in sources.line(site.file, site.line)
    if asks and label in ("dict", "OrderedDict") and history.events[split.second].name != "[]":
        return " If making the value twice does no harm, `dict.setdefault` checks and sets in one step."
    return ""


def lock_let_go(history: History, split: Split, words: Words) -> str:
    """The lock that both accesses have, and that is let go in between."""
    common = sorted(history.locks(split.first) & history.locks(split.second))
    return f"`{words.lock(common[0])}`" if common else "a lock"
