"""The modules that plait imports by name, which PyInstaller does not see, without those of other programs."""

from __future__ import annotations

import pkgutil

import plait

_OF_OTHERS = ("plait.__main__", "plait._cli", "plait._pyinstaller", "plait.testing", "plait.pytest_plugin")
_WANT_MORE = ("plait.joblib_backend", "plait._engines.dask", "plait._engines.ray")  # packages of their own


def _wanted(name: str) -> bool:
    return not any(name == left_out or name.startswith(f"{left_out}.") for left_out in _OF_OTHERS + _WANT_MORE)


hiddenimports = [found.name for found in pkgutil.walk_packages(plait.__path__, "plait.") if _wanted(found.name)]
