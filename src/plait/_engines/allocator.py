"""What glibc is told for worker processes: keep the memory of large objects for the next ones.

Without it a function that makes strings, bytes or arrays of some megabytes has each of them given back to the system
and taken from there anew, page by page, which can take longer than the function itself. These are the limits that glibc
sets itself once a program has freed an object of 32 MiB (mallopt(3), M_MMAP_THRESHOLD).
"""

from __future__ import annotations

from _collections_abc import Mapping, MutableMapping

_LIMITS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}


def limits(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that say so to a program that is started; none when the environment has its own opinion.

    >>> sorted(limits({})), limits({"MALLOC_ARENA_MAX": "1"}), limits({"GLIBC_TUNABLES": "glibc.malloc.check=3"})
    (['MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_'], {}, {})
    """
    opinion = any(name.startswith("MALLOC_") for name in environment) or "GLIBC_TUNABLES" in environment
    return {} if opinion else _LIMITS


def forget(environment: MutableMapping[str, str]) -> None:
    """Take them out again where they have been heard: what workers start is as it would be without them."""
    for name, value in _LIMITS.items():
        if environment.get(name) == value:
            del environment[name]
