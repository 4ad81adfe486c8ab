"""Does what ``plait check`` was told: finds the program, searches or replays, and writes the report."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

import plait
from plait._check.conclude import Checked, Subject, follow, go_ahead, search
from plait._check.died import died
from plait._check.explore import Budget
from plait._check.findings import Finding
from plait._check.json_report import json_report
from plait._check.programs.function_program import own_files
from plait._check.programs.module_program import ModuleProgram, module_spec
from plait._check.programs.plan import plan_of
from plait._check.programs.program import Script
from plait._check.programs.test_program import has_tests
from plait._check.pulse import Pulse
from plait._check.sarif import sarif
from plait._check.scout import SEED, Scout, Scouting
from plait._check.stage import STAGE
from plait._check.story import Around, page, tell
from plait._check.verdict import Verdict
from plait._cli.check_guard import Death, guarded
from plait._cli.saying import say, write_file
from plait._cli.target import find_function
from plait._core.errors import UsageError
from plait._core.streams import is_coloured

NOT_A_CHECK = 2
_NO_TESTS = 5  # what pytest ends with then
_SECONDS = 10.0
_BEST = "rotation"
_NARROWEST, _WIDEST = 40, 100


@dataclass(frozen=True, slots=True)
class Options:
    """The words and options of the command; see its help."""

    words: tuple[str, ...]
    module: str | None
    runs: int | None
    seconds: float | None
    seed: int | None
    scheduler: str
    observe: tuple[str, ...]
    one_output: bool
    replay: str | None
    as_json: bool
    sarif: str | None
    html: str | None

    @property
    def first_seed(self) -> int:
        """The seed of the schedules, given or not."""
        return self.seed or 0

    @property
    def may_scout(self) -> bool:
        """Whether a second process may help: where nobody has asked for certain schedules."""
        asked = self.seed, self.runs, self.replay
        return all(one is None for one in asked) and self.scheduler == _BEST


def run_check(options: Options) -> int:
    """The exit status; what was found is on standard output and in the files that were asked for."""
    if options.module == "pytest":
        return _run_pytest(options)
    ended = guarded(partial(_run, options), partial(_scout, options) if options.may_scout else None)
    if isinstance(ended, Death):
        own = replace(options, seed=SEED if ended.repeating else options.first_seed)
        return _write(died(ended.number, ended.status, seed=own.first_seed), own)
    return ended


def _run_pytest(options: Options) -> int:
    """Each test is a program of its own, which is what the plugin is for: pytest itself is none."""
    seconds = f"={options.seconds:g}" if options.seconds else ""
    mine = {field.name: getattr(options, field.name) for field in fields(options)}
    kept = {"words", "module", "seconds", "scheduler"}
    if wrong := [name for name, value in mine.items() if value and name not in kept]:
        names = ", ".join("--json" if name == "as_json" else f"--{name.replace('_', '-')}" for name in wrong)
        click.echo(f"Error: -m pytest explores each test; {names} cannot be said for all: see the mark plait", err=True)
        return NOT_A_CHECK
    if find_spec("pytest") is None:
        click.echo(f"Error: pytest is not installed for {sys.executable}: pip install pytest", err=True)
        return NOT_A_CHECK
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing starts its own
    flags = [flag for flag in flags if flag not in ("-O", "-OO")]  # asserts count here, as in a script that is checked
    command = [sys.executable, *flags, "-m", "pytest", *options.words, f"--plait{seconds}"]
    return {0: 0, 1: 1, _NO_TESTS: 3}.get(subprocess.call(command), NOT_A_CHECK)


def _scout(options: Options, scouting: Scouting) -> None:
    STAGE.pulse, STAGE.beside = scouting.pulse, scouting.search
    go_ahead(_subject(options), scouting, scheduler=options.scheduler, one_output=options.one_output)


def _run(options: Options, pulse: Pulse | None, scout: Scout | None) -> int:
    STAGE.pulse = pulse
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)  # of those cut short, later
    try:
        subject = _subject(options)
        if options.replay is not None:
            checked = follow(subject, options.replay, one_output=options.one_output)
        else:
            seconds = options.seconds if options.seconds or options.runs else _SECONDS
            budget = Budget(options.runs, seconds)
            found = search(
                subject,
                budget,
                seed=options.first_seed,
                scheduler=options.scheduler,
                one_output=options.one_output,
                scout=scout,
            )
            checked = _earned(found, options)
        return _write(checked, options)
    except (UsageError, click.ClickException) as error:
        click.echo(f"Error: {error.format_message() if isinstance(error, click.ClickException) else error}", err=True)
        return NOT_A_CHECK


_ONE_ORDER = "it starts no thread and no task, so there is one order only"
_OTHERS = (
    "it starts no thread and no task, and what it waits for outside, such as other processes, is not under control. "
    "If it hangs when it runs by itself, `plait why` and the number of its process say what it waits for"
)


def _earned(checked: Checked, options: Options) -> Checked:
    """The same, unless it passed because it does nothing that could fail: a program that starts no thread."""
    if checked.verdict.word != "passed" or not checked.coverage.alone:
        return checked
    reason = _OTHERS if checked.coverage.outside else _ONE_ORDER
    file = options.words[0] if options.module is None else ""
    if file.endswith(".py") and has_tests(Path(file).read_text(encoding="utf-8", errors="replace")):
        reason += f". It defines tests, which nobody calls: `{shlex.join(['plait', 'check', '-m', 'pytest', file])}`"
    return checked._replace(verdict=Verdict("not checked", reason))


def _write(checked: Checked, options: Options) -> int:
    _write_files(checked, options)
    if options.as_json:
        say(json.dumps(_report(checked), indent=2))
    else:
        say(_words(checked, options))
    return 3 if checked.stale else checked.verdict.exit_status


def _subject(options: Options) -> Subject:
    if options.module is not None:
        sys.path.insert(0, os.getcwd())
        spec = module_spec(options.module)
        _must_compile(str(spec.origin))
        return Subject(
            lambda fresh: ModuleProgram(spec, options.words, fresh), own_files(str(spec.origin), options.observe)
        )
    if not options.words:
        raise UsageError("what should be checked? expected a script, module:function, or -m and a module")
    target, *arguments = options.words
    if not target.endswith(".py"):
        function = find_function(target, instead="a script whose name ends in .py")
        if arguments:
            raise UsageError(f"{target} is called without arguments, but {shlex.join(arguments)} was given")
        plan = plan_of(function)  # type: ignore[arg-type]  # it says so if it takes arguments
        return Subject(plan.make, own_files(plan.file, options.observe))
    file = os.path.abspath(target)
    if not os.path.isfile(file):
        raise UsageError(f"there is no file {target!r}")
    _must_compile(file)
    sys.path.insert(0, os.path.dirname(file))
    return Subject(lambda fresh: Script(file, arguments, fresh), own_files(file, options.observe))


def _must_compile(file: str) -> None:
    """No schedule is to blame for a program that is none."""
    try:
        with warnings.catch_warnings(action="ignore"):  # they come when it runs
            compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        what = getattr(error, "msg", None) or str(error)
        where = f"{file}, line {line}" if line else file
        raise UsageError(f"{where}: {what}. That is no Python {sys.version_info[0]}.{sys.version_info[1]}") from None


def _words(checked: Checked, options: Options) -> str:
    """The story, or why there is none, and what was seen."""
    verdict = checked.verdict
    lines = []
    if checked.told is not None:
        width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
        around, colour = _around(checked, options), is_coloured(sys.stdout)
        lines.append(tell(checked.told.finding, around, checked.sources, width, colour=colour))
    elif checked.stale:
        lines.append(checked.stale)
    else:
        lines.append(f"{verdict.word}: {verdict.reason}\nchecked: {checked.coverage}")
    lines += [f"worth a look: {note.title}. {note.why} {note.fix}" for note in checked.notes if checked.told is None]
    return "\n\n".join(lines)


def _around(checked: Checked, options: Options) -> Around:
    token = checked.told.token if checked.told is not None else ""
    observed = [word for name in options.observe for word in ("--observe", name)]
    target = ["-m", options.module] if options.module is not None else []
    if checked.told is not None and not token:  # nobody was left who could have made one
        again = [
            "--seed",
            str(options.first_seed),
            "--runs",
            str(checked.coverage.schedules),
            "--scheduler",
            options.scheduler,
        ]
    else:
        again = ["--replay", token]
    once = ["--one-output"] if options.one_output else []
    command = shlex.join(["plait", "check", *again, *once, *observed, *target, *options.words])
    return Around(str(checked.coverage), command)


def _found(checked: Checked) -> list[tuple[Finding, str]]:
    told = [(checked.told.finding, checked.told.token)] if checked.told is not None else []
    return [*told, *((note, "") for note in checked.notes)]


def _report(checked: Checked) -> dict[str, Any]:
    coverage = {**checked.coverage._asdict(), "words": str(checked.coverage)}
    word = "inconclusive" if checked.stale else checked.verdict.word
    report = json_report(_found(checked), word, coverage, checked.sources)
    return {**report, "reason": checked.stale or checked.verdict.reason}


def _write_files(checked: Checked, options: Options) -> None:
    if options.sarif:
        log = sarif(_found(checked), checked.sources, root=os.getcwd(), version=plait.__version__)
        write_file(options.sarif, json.dumps(log, indent=2))
    if options.html:
        around = _around(checked, options)
        told = [(finding, around if token else Around("", "")) for finding, token in _found(checked)]
        write_file(options.html, page(told, checked.sources))
