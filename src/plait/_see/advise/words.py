"""Advice in words: the sentence, what one call costs, the table of trials, the curve as bars and what a page says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plait._core.how_many import how_many, in_units
from plait._draw.advice_page import Point
from plait._engines.choosing.choice import in_words
from plait._see.advise.forecast import REMOTE, wants_core
from plait._see.advise.profile import BUSY, Profile
from plait._see.advise.rule import Pick
from plait._see.advise.trial import Trial
from plait._see.garbage import cure
from plait._see.system import cure_for_pages

_BAR = 40
_NAMES = {"inline": "a plain loop", "thread": "threads", "process": "processes", "interpreter": "interpreters"}
_HOLDS, _MIXED = 0.8, 0.35
_SEVERAL, _FAR_LESS, _LIMITED = 4, 0.4, 0.5  # threads; of what as many would do; of the time that they want a core
_GARBAGE = 0.15  # of the time of a call


def sentence(function: str, picked: Pick, profile: Profile, trials: Sequence[Trial], cores: int) -> str:
    """What to use and why, with figures."""
    best = picked.best
    if profile.first_seconds:
        first, again = in_words(profile.first_seconds), in_words(profile.again_seconds)
        return (
            f"{function}: it remembers its results: for an item it took {first} at first, and then {again}, so that no "
            "figure here says what a map of new items takes. Measure the function that computes them."
        )
    if best.engine == "inline":
        use = f'{function}: use a plain loop (engine="inline"), nothing is faster for {how_many(picked.items, "item")}'
    else:
        use = (
            f'{function}: use engine="{best.engine}" with {how_many(best.workers, "worker")}, '
            f"{picked.speed_up:.1f} times as fast as a loop over {how_many(picked.items, 'item')}"
        )
    return f"{use}: {'; '.join(_reasons(picked, profile, trials, cores))}."


def _reasons(picked: Pick, profile: Profile, trials: Sequence[Trial], cores: int) -> Iterator[str]:
    yield _nature(profile)
    if profile.one_at_a_time:
        yield f"no two run at the same time in one process, because {profile.one_at_a_time}"
    if profile.cores >= 1.3:
        libraries, cure = "", ""
        if profile.libraries:
            libraries = f" ({', '.join(profile.libraries)})"
            cure = "; set OMP_NUM_THREADS=1 to leave the cores to the workers"
        yield (
            f"one call keeps {profile.cores:.1f} of {cores} cores busy by itself{libraries}, so that more workers "
            f"compete with it{cure}"
        )
    side = _side_by_side(picked, profile, trials)
    if side:
        times = side.per_second / picked.loop.per_second
        yield (
            f"{side.workers} threads do {times:.1f} times the work of one, so that calls wait for one another, as "
            "for a lock, or for what serves only so many at a time: plait.trace says for what"
        )
    yield from _elsewhere(picked, profile) if picked.best.engine in REMOTE else _here(picked, profile, trials)


def _elsewhere(picked: Pick, profile: Profile) -> Iterator[str]:
    """What there is to say of workers with memory of their own, where these are the best."""
    if picked.break_even is not None:
        yield f"it pays from {how_many(picked.break_even, 'item')} on"
    if profile.tables:
        names = " and ".join(f'"{name}"' for name in profile.tables)
        yield (
            f"workers have a copy of {names}, as it is when it is imported: where the program changes it later, "
            'leave the choice to engine="auto", which looks'
        )


def _here(picked: Pick, profile: Profile, trials: Sequence[Trial]) -> Iterator[str]:
    """Why workers with memory of their own are not the best, where some have been tried."""
    even = picked.break_even
    faster = max((trial for trial in trials if trial.engine in REMOTE), key=lambda one: one.per_second, default=None)
    if faster is None or not faster.per_second:
        return
    if profile.obstacle:
        yield f"it stays in this process, because {profile.obstacle}"
    elif even is not None:
        times = faster.per_second / picked.loop.per_second
        yield (
            f"from {how_many(even, 'item')} on {faster.workers} {_NAMES[faster.engine]} would be faster, "
            f"{times:.1f} times as fast with many"
        )
    elif profile.transfer_seconds > 0.4 * profile.busy_seconds and profile.busy_seconds > profile.seconds / 2:
        yield (
            f"to move {in_units(profile.transfer_bytes)} per item to another process and back takes "
            f"{in_words(profile.transfer_seconds)}"
        )


def _side_by_side(picked: Pick, profile: Profile, trials: Sequence[Trial]) -> Trial | None:
    """The best of several threads, if they do far less than as many calls that wait side by side would."""
    several = [trial for trial in trials if trial.engine == "thread" and trial.workers >= _SEVERAL]
    best = max(several, key=lambda trial: trial.per_second, default=None)
    if best is None or not profile.waits or profile.runs_children:
        return None
    limited = wants_core(profile, best.per_second) > _LIMITED  # by the cores, or who else has them
    return None if limited or best.per_second > _FAR_LESS * best.workers * picked.loop.per_second else best


def _nature(profile: Profile) -> str:
    cost = in_words(profile.seconds)
    waiting = 1 - profile.busy_seconds / profile.seconds
    if waiting > 0.5:
        waits = f"it waits {100 * waiting:.0f} % of {cost} per item"
        if not profile.runs_children:
            return waits
        return f"{waits}, for child processes that compute for {in_words(profile.children_seconds)}"
    if profile.gil >= _HOLDS:
        return f"it computes and holds the GIL {100 * profile.gil:.0f} % of {cost} per item"
    if profile.gil >= _MIXED:
        return f"it computes, and holds the GIL {100 * profile.gil:.0f} % of {cost} per item"
    return f"it computes without the GIL, which it holds {100 * profile.gil:.0f} % of {cost} per item"


def facts(profile: Profile) -> list[str]:
    """What one call costs, in two lines, and more where memory takes much of it, and when the machine was busy."""
    share = 100 * profile.busy_seconds / profile.seconds
    measured = f"({how_many(profile.calls, 'call')}, {profile.cores:.1f} cores busy)"
    held = f"{100 * profile.gil:.0f} % with the GIL held"
    lines = [f"One call: {in_words(profile.seconds)}, {share:.0f} % of it computing, {held} {measured}."]
    if profile.transfer_bytes:
        size, took = in_units(profile.transfer_bytes), in_words(profile.transfer_seconds)
        lines.append(f"Its argument and result: {size} pickled, {took} there and back.")
    if profile.garbage >= _GARBAGE:
        lines.append(
            f"{100 * profile.garbage:.0f} % of it collects garbage. {cure(profile.collects_at)}. Worker processes "
            "leave out what was there when they started."
        )
    if profile.paging:
        lines.append(f"{100 * profile.paging:.0f} % of it is the system's, for memory: {cure_for_pages()}.")
    if profile.hindered > BUSY:
        lines.append(
            f"Other programs had the cores {100 * profile.hindered:.0f} % of the time that it was ready for one; the "
            "figures are without what they took, and lean on what one call is like."
        )
    return lines


def table(trials: Sequence[Trial], best: Trial, items: int) -> list[str]:
    """A row for each trial, the advised one marked."""
    rows = [("engine", "workers", "items/s", "start", "memory each", how_many(items, "item"))]
    for trial in _ran(trials):
        took = in_words(trial.seconds(items)) + (" *" if trial is best else "")
        rows.append((trial.engine, f"{trial.workers}", _rate(trial.per_second), _start(trial), _memory(trial), took))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:], *problems(trials)]


def problems(trials: Sequence[Trial]) -> list[str]:
    """A line for each trial that could not run."""
    return [f"{trial.engine}: {trial.problem}" for trial in trials if trial.problem]


def points(trials: Sequence[Trial], best: Trial) -> list[Point]:
    """What a page draws of each trial that ran."""
    return [
        Point(
            trial.engine,
            trial.workers,
            trial.per_second,
            _rate(trial.per_second),
            _start(trial),
            _memory(trial),
            trial is best,
        )
        for trial in _ran(trials)
    ]


def curve(trials: Sequence[Trial], best: Trial) -> list[str]:
    """Items per second by the number of workers, as bars."""
    ran = _ran(trials)
    most = max(trial.per_second for trial in ran)
    lines, engine = ["items per second, by workers"], ""
    for trial in ran:
        name = "" if trial.engine == engine else trial.engine
        engine = trial.engine
        bar = "█" * max(1, round(_BAR * trial.per_second / most))
        lines.append(f"{name:<11} {trial.workers:>4}  {bar} {_rate(trial.per_second)}{' *' if trial is best else ''}")
    return lines


def _ran(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if not trial.problem]


def _start(trial: Trial) -> str:
    return in_words(trial.start_seconds) if trial.start_seconds >= 0.001 else "-"


def _memory(trial: Trial) -> str:
    return "-" if trial.engine == "inline" or trial.worker_bytes is None else in_units(trial.worker_bytes)


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"
