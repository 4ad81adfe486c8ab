"""Code with hooks, kept on disk beside the other compiled files, so that a module is rewritten once for each version.

Any number of processes may write at the same time: each writes a file of its own and moves it into place. What cannot
be read, is of another version or belongs to another source is made anew; what cannot be written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from types import CodeType

from plait._check.rewrite.module import VERSION, rewrite

_DIGEST = 32  # bytes of it, at the beginning of a file


def cached_rewrite(source: str, file: str) -> CodeType:
    """As `rewrite`, which is called only if the code is not on disk.

    Raises:
        SyntaxError: as `compile` does.
    """
    digest = _digest(source, file)
    path = _path(file)
    found = _load(path, digest) if path else None
    if found is None:
        found = rewrite(source, file)
        if path:
            _keep(path, digest, found)
    return found


def _digest(source: str, file: str) -> bytes:
    """Of all that the code depends on; the file's name is in its sites."""
    parts = (str(VERSION), sys.version, file, source)
    text = "\0".join(parts).encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST, key=MAGIC_NUMBER).digest()


def _path(file: str) -> str:
    """Where the code of a file is kept; "" if it has no place."""
    if not os.path.isfile(file):
        return ""
    try:
        return cache_from_source(file, optimization="plait")
    except NotImplementedError:  # an implementation of Python without a cache
        return ""


def _load(path: str, digest: bytes) -> CodeType | None:
    try:
        with open(path, "rb") as kept:
            data = kept.read()
        if data[:_DIGEST] != digest:
            return None
        found = marshal.loads(data[_DIGEST:])
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return found if isinstance(found, CodeType) else None


def _keep(path: str, digest: bytes, code: CodeType) -> None:
    if sys.dont_write_bytecode:
        return
    folder = os.path.dirname(path)
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        # A name of our own: `tempfile` has locks, and this may be within an execution, where they would be events.
        mine = os.path.join(folder, f".{os.path.basename(path)}.{os.getpid()}")
        try:
            with open(mine, "wb") as file:
                file.write(digest + marshal.dumps(code))
            os.replace(mine, path)
        except BaseException:
            os.unlink(mine)
            raise
