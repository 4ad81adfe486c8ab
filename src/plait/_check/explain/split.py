"""Says why two accesses of a thread belong together that another thread has come between, and what to change."""

from __future__ import annotations

import ast

from plait._check.explain.split_fix import call_of_first, fix_of_split, lock_let_go, tried_in_vain
from plait._check.explain.window import on_gil_builds
from plait._check.findings import Finding
from plait._check.reading.atomicity import Split
from plait._check.reading.history import History
from plait._check.reading.source import Sources
from plait._check.reading.words import OUTSIDE, Words
from plait._core.event import Kind


def explain_split(history: History, split: Split, sources: Sources) -> Finding:
    """The finding for a split that happened."""
    words = Words(history, sources)
    kind = kind_of_split(history, split, sources)
    thing = words.thing(split.second if kind == "check then act" else split.first)
    one, other = (words.thread(history.events[index].thread) for index in (split.first, split.other))
    rival = "task" if history.is_task(history.events[split.other].thread) else "thread"
    sites = history.sites(*split[1:])
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
        lock=lock_let_go(history, split, words),
        text=sources.line(sites[0].file, sites[0].line) if sites[0] is not None else "",
    )
    moments = [words.moment(index, _remark(history, split, words, index)) for index in _shown(history, split)]
    return Finding(
        kind,
        f"{_TITLE[kind].format(other=rival)} {thing}",
        _plain(why + _who_lacks_it(history, split, words)),
        _plain(fix_of_split(history, split, words, kind, thing)),
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
    if split.kind == "lost update" and sources.asked_by_name(first.site, second.site):
        return "check then act"
    call = call_of_first(history, split, sources)
    if split.kind in ("lost update", "non-repeatable read") and call is not None and sources.in_test(call):
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
    "data race": "{one} reads `{thing}` in {first} and writes a new value, made from what it read, in {second}. In "
    "between {other} writes `{thing}` in {between}, and that write is lost: no lock and no order keeps them apart. The "
    "program did not notice this time.",
    "data race, one line": "{one} reads `{thing}` and writes back a new value made from it in {second}. In between "
    "{other} writes `{thing}` in {between}, and that write is lost: no lock and no order keeps them apart. The program "
    "did not notice this time.",
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
        if (tried := tried_in_vain(history, split, min(theirs))) is not None:
            return (
                f" {other} holds `{words.lock(min(theirs))}` there, but {one} has only tried to take it, in "
                f"{words.line(tried)}, did not get it, and goes on all the same."
            )
        lock, sites = min(theirs), history.sites(split.first, split.second)
        has = [lock in history.locks(index) for index in (split.first, split.second)]
        where, elsewhere = (words.line(site) for site in (sites if has[0] else sites[::-1]))
        some = any(has) and where != elsewhere
        does = f"holds it in {where} only, not in {elsewhere}" if some else "does not take it"
        return f" {other} holds `{words.lock(lock)}` there, but {one} {does}."
    return ""


def _plain(text: str) -> str:
    """What is no name in the source stands without quotes."""
    for name in OUTSIDE.values():
        text = text.replace(f"`{name}`", name)
    return text
