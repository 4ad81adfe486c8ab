"""Runs every gate, the others too when one has failed, and ends with a table of what passed and what did not."""

from __future__ import annotations

import signal
import sys
import time

from environments import MAIN_EXTRAS, folder_of
from lanes import Gate, Lanes, Result
from pythons import OLDEST, find_pythons, probe

_ENGINES = ("tests/test_contract.py", "tests/test_contract_portable.py", "tests/test_faults.py", "tests/torture")
_SNIPPETS = "tests/test_snippets.py::test_page"
_PAGES = (_SNIPPETS, "tests/test_examples.py")
_STYLE = "tests/test_style.py"
_REST = (*(f"--ignore={file}" for file in (*_ENGINES, _STYLE, *_PAGES[1:])), f"--deselect={_SNIPPETS}")
_PARTS = (  # the longest first, so that the lanes end at about the same time
    ("rest", "the other tests and doctests", _REST),
    ("engines", "the contract of engines, faults and torture", _ENGINES),
    ("pages", "what README and the documentation show, and the examples", _PAGES),
)
_TWICE = ("pages",)  # on the main Python and the newest


def main(chosen: list[str]) -> int:
    """Run the gates whose names begin with one of `chosen`, or all; returns the exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell has it ignored, the tests hear it too
    began = time.monotonic()
    gates, skipped_gates = plan(chosen)
    if not gates and not skipped_gates:
        print(f"no gate is named like {' or '.join(chosen)}; run without arguments to see the names")
        return 2
    results = [*skipped_gates, *Lanes(gates).run()]
    print(table(results))
    states = [result.state for result in results]
    failed, skipped = states.count("FAILED"), states.count("skipped")
    print(f"took {time.monotonic() - began:.0f} s")
    print(f"gates: {states.count('passed')} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def plan(chosen: list[str]) -> tuple[list[Gate], list[Result]]:
    """The gates to run, the longest first, and one result for each Python that is not there."""
    pythons, missing = find_pythons()
    main_python = probe((sys.executable,)) or pythons[0]
    wanted = tuple(chosen) or ("",)
    tool = str(folder_of(main_python) / "bin") + "/"
    quick = [
        ("lint", "ruff's rules", [tool + "ruff", "check", "."]),
        ("format", "ruff's formatter would change nothing", [tool + "ruff", "format", "--check", "."]),
        ("types", "mypy --strict", [tool + "mypy", "--strict"]),
        ("style", "the rules of ours that ruff does not know", [tool + "python", "-m", "pytest", "-q", _STYLE]),
        ("layers", "imports go down the layers only", [tool + "lint-imports", "--no-cache"]),
        ("docs", "the site builds, strictly", [sys.executable, "scripts/build_docs.py"]),
        ("wheel", "the built wheel works in an empty environment", [sys.executable, "scripts/try_wheel.py"]),
    ]
    gates = []
    for part, about, files in _PARTS:
        others = [python for python in pythons if python.label != main_python.label]
        for python in [main_python, *others[-1:]] if part in _TWICE else pythons:
            extras = MAIN_EXTRAS if python.label == main_python.label else ("test",)
            program = [*python.inside, str(folder_of(python) / "bin" / "python"), "-m", "pytest", "--durations=5"]
            name = f"tests-{python.label}-{part}"
            gates.append(Gate(name, f"{about} on Python {python.full}", [*program, *files], python, extras))
    gates += [Gate(name, about, command, main_python, MAIN_EXTRAS) for name, about, command in quick]
    gates = [gate for gate in gates if gate.name.startswith(wanted)]
    skipped = [Result(f"tests-{text.split(':')[0]}", "skipped", text.split(": ", 1)[1]) for text in missing]
    skipped = [result for result in skipped if result.name.startswith(wanted)]
    if any(result.name == f"tests-3.{OLDEST}" for result in skipped):
        skipped = [r._replace(state="FAILED") if r.name == f"tests-3.{OLDEST}" else r for r in skipped]
    return gates, skipped


def table(results: list[Result]) -> str:
    """One line for each gate."""
    width = max(len(result.name) for result in results)
    lines = [f"  {r.name:<{width}}  {r.state:<7} {r.seconds:6.1f} s  {r.about}" for r in sorted(results)]
    return "\n".join(["", "=== gates", *sorted(lines, key=lambda line: " FAILED " in line)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
