"""What the block of a scope raises, from what ended its body and what its tasks raised. Pure."""

from __future__ import annotations

from _collections_abc import Sequence

from plait._core.errors import PoolBroken
from plait._core.notes import add_note
from plait._core.outcome import brief


def verdict(
    body: BaseException | None, errors: Sequence[BaseException], late: BaseException | None
) -> BaseException | None:
    """The exception that leaves the block, or None.

    Args:
        body: what ended the body; None also when that was only how it learnt that the scope was cancelled.
        errors: what the tasks raised, in that order; not what cancelled ones ended with.
        late: says that the deadline has passed, if it has.

    One error is raised as itself, several as a group; one that several tasks raised, as when they asked for the result
    of the same other task, or could not run on the same broken engine, is one. What the body raised because of a task's
    error, which is then its cause or context, stands for that error, too. Ctrl-C and ``SystemExit`` go through the
    block as they are, with the others named in a note.

    >>> first, second = ValueError("no"), KeyError("b")
    >>> verdict(None, [first], None) is first
    True
    >>> verdict(None, [second, second], None)
    KeyError('b')
    >>> verdict(first, [first, second], None)
    ExceptionGroup('2 errors in a plait.scope', [ValueError('no'), KeyError('b')])
    """
    told = {_identity(error) for error in _chain(body)}
    others = []
    for error in errors:
        if _identity(error) not in told:
            others.append(error)
            told.add(_identity(error))
    if body is None:
        found = ([late] if late is not None else []) + others
    elif isinstance(body, (KeyboardInterrupt, SystemExit)):
        _mention(body, others)
        return body
    else:
        if late is not None:
            add_note(body, f"plait: {late}")
        found = [body, *others]
    if len(found) < 2:
        return found[0] if found else None
    return BaseExceptionGroup(f"{len(found)} errors in a plait.scope", found)


def _identity(error: BaseException) -> object:
    """What errors that say the same have in common: of one engine that is broken each task has an error of its own."""
    return (error.token, error.message) if isinstance(error, PoolBroken) else id(error)


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error, and those it was raised from or while handling."""
    found: dict[int, BaseException] = {}
    pending = [error]
    while pending:
        error = pending.pop()
        if error is not None and id(error) not in found:
            found[id(error)] = error
            pending += [error.__cause__, error.__context__]
            if isinstance(error, BaseExceptionGroup):
                pending += error.exceptions
    return list(found.values())


def _mention(error: BaseException, others: Sequence[BaseException]) -> None:
    for other in others:
        add_note(error, f"plait: a task had failed, too: {brief(other)}")
