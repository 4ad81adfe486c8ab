"""Texts, notes and causes of exceptions of users' classes, whose attributes may do anything: nothing here raises."""

from __future__ import annotations


def text_of(value: object) -> str:
    """``str(value)``, whatever the user's own ``__str__`` does: it must not hide what is being said."""
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__} whose str raised {type(error).__name__}>"


def notes_of(error: BaseException) -> list[str]:
    """The notes of an exception as text; those that cannot be read are left out."""
    try:
        notes = getattr(error, "__notes__", ())
        return [str(note) for note in notes] if isinstance(notes, (list, tuple)) else []
    except Exception:  # its class has a __getattr__ that fails, or a note has such a __str__
        return []


def add_note(error: BaseException, note: str) -> None:
    """Add a note, also to an exception whose class would prevent it; no error is lost over what is said of it."""
    try:
        BaseException.add_note(error, note)
    except Exception:
        own = object.__getattribute__(error, "__dict__")
        if "__notes__" not in own:  # else somebody has put something there that is no list: theirs to keep
            own["__notes__"] = [note]


def set_attribute(error: BaseException, name: str, value: object) -> None:
    """Set what every exception has, such as ``__context__``, also where its class lets nobody set anything."""
    BaseException.__dict__[name].__set__(error, value)
