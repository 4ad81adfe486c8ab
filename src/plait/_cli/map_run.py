"""Runs what ``plait map`` was asked for: finds the function, the items and the places for results, starts the map."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import click

from plait._cli import inputs as reading
from plait._cli.delivery import Delivery, HaltingMeter, say
from plait._cli.halt import Halt
from plait._cli.signals import Stopped, StopSignals, ends_of_children_heard
from plait._cli.sink import CommandSink, JsonSink, Sink, open_errors, open_streams
from plait._cli.template import is_command
from plait._cli.work import Work, command_work, function_work
from plait._core.errors import JournalError, PlaitError, UsageError
from plait._core.how_many import how_many
from plait._run.arriving import Arrivals
from plait._run.farewell import stopping_words
from plait._run.map import map as plait_map
from plait._run.progress import start_meter
from plait._run.recording.journal import Journal, count_recorded
from plait._run.retry import Retry
from plait._run.stream import Stream

_ITEMS_FOLLOW = ":::"
_MORE_LISTS = (_ITEMS_FOLLOW, ":::+", "::::", "::::+")  # GNU parallel's, of which it makes pairs
_STDIN = "-"
DEFAULT_JOURNAL = "plait-journal.sqlite"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    target: str
    inputs: tuple[str, ...]
    jsonl: bool
    null: bool
    glob: bool
    engine: str | None
    workers: int | None
    timeout: float | None
    retries: int
    backoff: float
    rate: str | None
    journal: str | None
    resume: bool
    retry_failed: bool
    order: str
    halt: Halt | None
    errors: str | None
    as_json: bool
    bar: bool
    report: bool


def run_map(options: Options) -> int:
    """Run the map and return its exit status.

    Raises:
        click.ClickException: it could not begin.
        BrokenPipeError: nobody reads the results any more.
    """
    command = is_command(options.target)
    if sys.stdout is None:
        raise click.ClickException("there is no standard output to write results to; > /dev/null throws them away")
    with ExitStack() as stack:
        stack.enter_context(ends_of_children_heard())
        streams = stack.enter_context(open_streams(keep_prints_apart=not command))
        if command:
            work = command_work(options.target, options.engine, options.workers)
        else:
            work = function_work(options.target, options.engine, options.workers, jsonl=options.jsonl)
        stack.callback(work.close)
        chunks, total = _items(options, of_command=command)
        errors = stack.enter_context(open_errors(options.errors))
        signals = stack.enter_context(StopSignals(work.close))
        plain = command and not options.as_json
        sink: Sink = CommandSink(streams.out, streams.err, errors) if plain else JsonSink(streams.out, errors)
        source = Arrivals(chunks, total, work.most_open)
        meter = HaltingMeter(start_meter(options.bar, total, work.name), options.halt, source, total)
        stream = _start(options, work, source, meter)
        signals.running = lambda: stream.running
        return _deliver(options, Delivery(stream, sink, streams), stream, meter)


def _start(options: Options, work: Work, source: Arrivals, meter: HaltingMeter) -> Stream[Any]:
    try:
        stream = plait_map(
            work.fn,
            source,
            engine=work.engine,
            workers=work.workers,
            order=options.order,
            timeout=options.timeout,
            retry=Retry(options.retries, backoff=options.backoff),
            progress=meter,
            rate=options.rate,
            journal=_journal(options, work),
        )
    except (UsageError, JournalError) as error:
        raise click.ClickException(str(error)) from error
    meter.stream = stream
    if work.why:
        stream.report.why[:] = [work.why]
    return stream


def _journal(options: Options, work: Work) -> Journal | None:
    """Where outcomes are recorded.

    Raises:
        click.ClickException: there are some already, and nobody has said what to do with them.
    """
    resumes = options.resume or options.retry_failed
    if options.journal is None and not resumes:
        return None
    journal = Journal(options.journal or DEFAULT_JOURNAL, retry_failed=options.retry_failed)
    if not resumes and (there := count_recorded(journal, work.fn)):
        raise click.ClickException(
            f"{options.journal!r} has {how_many(there, 'outcome')} of {work.name!r}: add --resume to go on from there, "
            "or name another file"
        )
    return journal


def _deliver(options: Options, delivery: Delivery, stream: Stream[Any], meter: HaltingMeter) -> int:
    status = None
    try:
        delivery.run()
    except Stopped as stop:
        say(stopping_words(stream.report.items, stop.running))
        status = stop.status
    except PlaitError as error:
        raise click.ClickException(str(error)) from error
    if options.resume or options.retry_failed:
        say(f"plait: {stream.report.journal}")
    say(delivery.summary(options.halt, meter.halted))
    if delivery.first_error is not None and stream.report.failed == stream.report.items:
        say(_mistaken_items(options, delivery.first_error))
    if options.report:
        say(str(stream.report))
    return delivery.status(options.halt, meter.halted) if status is None else status


def _mistaken_items(options: Options, error: BaseException) -> str:
    """What may be meant by items of a function that have all failed, or an empty string."""
    if is_command(options.target) or options.glob:
        return ""
    files = [name for name in options.inputs if name != _STDIN]
    if files and files[0] != _ITEMS_FOLLOW and isinstance(error, (OSError, UnicodeError)):
        return f"plait: the items were the lines of {files[0]!r}; if the files are the items, write ::: before them"
    if not options.jsonl and isinstance(error, TypeError):
        return "plait: the items were texts; with --jsonl they are read as JSON values, such as numbers"
    return ""


def _items(options: Options, *, of_command: bool) -> tuple[Any, int | None]:
    """The items in lists as they arrive, and how many there will be, where that is known."""
    if options.jsonl + options.null + options.glob > 1:
        raise click.ClickException("--jsonl, --null and --glob exclude one another: they say how the items are written")
    given = list(options.inputs)
    if options.glob:
        if not given:
            raise click.ClickException("--glob: expected at least one pattern after the target, in quotes")
        names = reading.names_matching(given)
        return [names], len(names)
    from_stdin = given in ([], [_STDIN])
    follow = bool(given) and given[0] == _ITEMS_FOLLOW
    if follow or (of_command and not from_stdin):
        texts = given[1:] if follow else given
        _refuse_more_lists(texts)
        return [reading.parsed(texts) if options.jsonl else reading.plain(texts)], len(texts)
    files = given or [_STDIN]
    if _STDIN in files and sys.stdin is None:
        instead = "put them after the command" if of_command else "name a file, or put them after :::"
        raise click.ClickException(f"there is no standard input to read items from; {instead}")
    reading.check_readable(files)
    if _STDIN in files and sys.stdin is not None and sys.stdin.isatty():
        say("plait: reads items from the terminal, one a line; Ctrl-D ends them")
    separator = b"\0" if options.null else b"\n"
    counts = options.bar or (options.halt is not None and not options.jsonl)
    total = reading.count_items(files, separator) if counts else None
    return reading.read_items(files, separator, reading.parsed if options.jsonl else reading.plain), total


def _refuse_more_lists(texts: list[str]) -> None:
    for text in texts:
        if text in _MORE_LISTS:
            raise click.ClickException(
                f"{text}: the items are one list, after the first :::; write pairs and the lines of files to standard "
                "input, one item a line, and name no items"
            )
