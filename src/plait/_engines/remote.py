"""Exceptions across processes: their type, text, notes, cause and the lines of the user's code they passed through.

A worker describes an exception with builtin types only, so the description always arrives. The driver rebuilds the
exception from its pickle when that works, and gives it a traceback with the worker's frames, so it prints, and a
debugger shows it, as if it had been raised here. When it does not work, a `RemoteError` stands for it.
"""

from __future__ import annotations

from _collections_abc import Generator
from _pickle import dumps, loads
from contextlib import suppress
from itertools import islice
from types import FrameType, FunctionType, MemberDescriptorType, TracebackType

from plait._core.notes import add_note, notes_of, set_attribute, text_of
from plait._core.our_frames import without_our_frames
from plait._engines.carried import STRANGERS

_HEAD, _TAIL = 20, 30  # frames kept of a very deep traceback

Span = tuple[int, int | None, int | None, int | None]  # line, end line, column, end column, as of ``co_positions()``
Frame = tuple[str, str, Span]
Description = dict[str, object]


def describe(error: BaseException, *, ours: bool = False, depth: int = 8) -> Description:
    """The exception in builtin types; `ours`: it was caught in code of ours, whose frames are left out."""
    kind = type(error)
    found: Description = {
        "type": kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
        "text": text_of(error),
        "frames": [],
        "notes": notes_of(error),
        "suppress": False,
        "pickle": None,
        "why": "",
    }
    try:
        _describe_attributes(found, error, ours, depth)
    except Exception as failure:  # its class makes something of its own of them; the description must go out
        found["why"] = f"it cannot be read: {type(failure).__name__}: {text_of(failure)}"
    return found


def _describe_attributes(found: Description, error: BaseException, ours: bool, depth: int) -> None:
    found["frames"] = _frames(without_our_frames(error.__traceback__) if ours else error.__traceback__)
    found["suppress"] = error.__suppress_context__
    found["pickle"], found["why"] = _pickled(error)
    if depth:
        for name in ("__cause__", "__context__"):
            other = getattr(error, name)
            if other is not None and not (name == "__context__" and error.__suppress_context__):
                found[name] = describe(other, depth=depth - 1)
        if isinstance(error, BaseExceptionGroup):  # the traceback of each member is where something went wrong
            found["message"] = error.message
            found["members"] = [describe(member, depth=depth - 1) for member in error.exceptions]


def rebuild(description: Description) -> BaseException:
    """The exception again, or a RemoteError with its type and text."""
    error = _unpickled(description)
    _dress(error, description)
    return error


def _dress(error: BaseException, description: Description) -> None:
    """Give the exception what pickles do not carry: its traceback, notes and causes."""
    frames = description["frames"]
    assert isinstance(frames, list)
    error.with_traceback(_traceback(frames))
    known = notes_of(error)
    for note in description["notes"]:  # type: ignore[attr-defined]  # a list of str, see describe
        if note not in known:
            add_note(error, note)
    for name in ("__cause__", "__context__"):
        other = description.get(name)
        if isinstance(other, dict):
            set_attribute(error, name, rebuild(other))
    set_attribute(error, "__suppress_context__", bool(description["suppress"]))


def _pickled(error: BaseException) -> tuple[bytes | None, str]:
    """The pickle of an exception that can be rebuilt from it, or None and why not."""
    try:
        data = _by_name_or_value(error)
        again = loads(data)
        if type(again) is not type(error):
            return None, f"it unpickles as {type(again).__name__}"
    except Exception as failure:  # whatever its __reduce__ or __init__ does, the description must go out
        return _pickled_parts(error), f"it cannot be pickled and rebuilt: {type(failure).__name__}: {text_of(failure)}"
    return data, ""


def _pickled_parts(error: BaseException) -> bytes | None:
    """The pickle of an exception that is made without calling its ``__init__``, which takes other arguments.

    Its parts that cannot be pickled are left out, if its text does not depend on them.
    """
    state = {**_members(error), **{k: v for k, v in error.__dict__.items() if k != "__notes__"}}
    try:
        return _rebuilt(_Parts(type(error), error.args, state))[0]
    except Exception:  # noqa: S110  one of the parts is to blame
        pass
    from plait._engines.pickling.left_out import portable

    try:
        args, state = tuple(map(portable, error.args)), {name: portable(value) for name, value in state.items()}
        data, again = _rebuilt(_Parts(type(error), args, state))
        return data if str(again) == str(error) else None
    except Exception:  # it stays a description
        return None


def _rebuilt(parts: _Parts) -> tuple[bytes, object]:
    data = _by_name_or_value(parts)
    return data, loads(data)


def _by_name_or_value(value: object) -> bytes:
    """The pickle of a value whose class is the program's own again where it is read, also by a later run of it."""
    try:
        if not STRANGERS.here:
            return dumps(value, 5)
    except Exception:  # noqa: S110  it goes by value
        pass
    from plait._engines.pickling.by_value import dumps_by_value

    return dumps_by_value(value, lambda _: True, ())


def _members(error: BaseException) -> dict[str, object]:
    """The plain values that classes keep outside of ``__dict__``: the `filename` of an `OSError`, slots."""
    names = {
        name
        for kind in type(error).__mro__
        for name, member in kind.__dict__.items()
        if type(member) is MemberDescriptorType and not name.startswith("__")
    }
    values = {name: getattr(error, name, None) for name in names}
    return {name: value for name, value in values.items() if type(value) in (str, int, float, bytes, bool)}


class _Parts:
    """Pickles as the exception itself."""

    def __init__(self, kind: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> None:
        self._parts = kind, args, state

    def __reduce__(self) -> tuple[object, ...]:
        return revive, self._parts


def revive(kind: type[BaseException], args: tuple[object, ...], state: dict[str, object]) -> BaseException:
    """An exception with these arguments and attributes, made without its ``__init__``."""
    error = _made(kind, args)
    error.args = args
    for name, value in state.items():
        _put(error, name, value)
    return error


def _made(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    for base in kind.__mro__:
        try:
            return base.__new__(kind, *args)  # type: ignore[return-value, arg-type]  # `base` is no metaclass
        except TypeError:  # of two bases in C one knows how: with lxml's errors, that of Python
            continue
    raise TypeError(f"{kind.__qualname__} cannot be made without its __init__")


def _put(error: BaseException, name: str, value: object) -> None:
    """Where it was: in a member of its class, or, whatever the class makes of such a name, in its ``__dict__``."""
    if type(getattr(type(error), name, None)) is not MemberDescriptorType:
        error.__dict__[name] = value
        return
    with suppress(AttributeError, TypeError):  # it is read only, and `args` have set it
        setattr(error, name, value)


def _unpickled(description: Description) -> BaseException:
    from plait._core.errors import RemoteError

    error, why = _loaded(description)
    if isinstance(error, BaseExceptionGroup):
        for member, its in zip(error.exceptions, _grouped(description), strict=False):
            _dress(member, its)
    if isinstance(error, BaseException):
        return error
    if members := _grouped(description):  # one of them cannot be rebuilt: the others can
        return BaseExceptionGroup(str(description["message"]), [rebuild(member) for member in members])
    return RemoteError(str(description["type"]), str(description["text"]), why)


def _loaded(description: Description) -> tuple[object, str]:
    """What its pickle gives, None where there is none, and why there is no exception if that is none."""
    data, why = description["pickle"], str(description["why"])
    if not isinstance(data, bytes):
        return None, why
    try:
        return loads(data), why
    except Exception as failure:
        return None, f"it could not be rebuilt here: {type(failure).__name__}: {text_of(failure)}"


def _grouped(description: Description) -> list[Description]:
    """Those of an exception group."""
    members = description.get("members", [])
    assert isinstance(members, list)
    return members


def _frames(trace: TracebackType | None) -> list[Frame]:
    found: list[TracebackType] = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    kept = found if len(found) <= _HEAD + _TAIL else found[:_HEAD] + found[-_TAIL:]
    return [(one.tb_frame.f_code.co_filename, one.tb_frame.f_code.co_name, _span(one)) for one in kept]


def _span(trace: TracebackType) -> Span:
    """Where in the source the entry stands, with columns where they are known."""
    if trace.tb_lasti >= 0:
        line, *rest = next(islice(trace.tb_frame.f_code.co_positions(), trace.tb_lasti // 2, None), (None,))
        if line == trace.tb_lineno and None not in rest:
            end_line, column, end_column = rest
            return line, end_line, column, end_column
    return trace.tb_lineno, None, None, None


def _traceback(frames: list[Frame]) -> TracebackType | None:
    """A traceback with one entry per frame; each stands on the frame of a stub with the original's names."""
    trace: TracebackType | None = None
    for filename, name, span in reversed(frames):
        # At its first instruction, which has the original's place: tools that look at the instruction would look for
        # one at -1 for ever (IPython's `executing` does), and carets stand where they stood.
        trace = TracebackType(trace, _stub_frame(filename, name, span), 0, span[0])
    return trace


def _stub_frame(filename: str, name: str, span: Span) -> FrameType:
    """A frame that never ran. It is a generator's, which refers to no caller, so it keeps nothing here alive."""
    stub = _stub.__code__
    code = stub.replace(
        co_filename=filename,
        co_name=name,
        co_qualname=name,
        co_firstlineno=max(1, span[0]),
        co_linetable=_line_table(span, len(stub.co_code) // 2),
    )
    generator = FunctionType(code, {"__name__": name, "__file__": filename})()
    frame: FrameType = generator.gi_frame
    return frame


def _line_table(span: Span, units: int) -> bytes:
    r"""The place of each of so many code units is `span`: CPython's Objects/locations.md, forms 13 and 14.

    >>> _line_table((7, None, None, None), 9)
    b'\xef\x00\xe8\x00'
    """
    line, end_line, column, end_column = span
    if end_line is None or column is None or end_column is None:
        form, place = 13, b"\0"
    else:
        form, place = 14, b"\0" + b"".join(map(_varint, (end_line - line, column + 1, end_column + 1)))
    return b"".join(bytes([0x80 | form << 3 | min(8, units - done) - 1]) + place for done in range(0, units, 8))


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 64:
        found.append(0x40 | number & 63)
        number >>= 6
    return bytes([*found, number])


def _stub() -> Generator[None, None, None]:
    yield
