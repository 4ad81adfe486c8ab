"""What makes programs with windows of Tk fit to be checked: their main loops end, their interpreters never do.

Tcl ends the process when another thread than its own deletes an interpreter, and whoever forgets the modules of an
execution is another thread. A callback that fails is a failure, as a thread is: Tk prints it and goes on.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from plait._check.diagnosis import uncaught
from plait._check.outside import outside
from plait._check.real_threads import REAL_THREADS
from plait._check.stage import STAGE

if TYPE_CHECKING:
    from plait._check.execution import Execution

_start, _get_ident = _thread.start_new_thread, _thread.get_ident
_REPORT = "report_callback_exception"
_LOOPS = ("mainloop", "wait_variable", "wait_window", "wait_visibility")  # they call back
_DELETING = ("Variable", "Image")  # these tell their interpreter when they are deleted


class Interpreters:
    """Those that executions have made.

    Attributes:
        closing: whether windows are being destroyed that the program has left.
    """

    def __init__(self) -> None:
        self.closing = False
        self._undo: list[tuple[Any, str, Any]] = []
        self._owners: dict[int, int] = {}  # by id, for ever: the idents of the threads that made them
        self._present: list[Any] = []  # those of the execution

    def watch(self) -> None:
        """Puts stand-ins into what has been imported of Tk by now."""
        module: Any = sys.modules.get("_tkinter")
        if module is None or len(self._undo) > 1:
            return
        if not self._undo:
            self._set(module, "create", self._keeping(module.create))
        widgets: Any = sys.modules.get("tkinter")
        if hasattr(widgets, _DELETING[-1]):  # else it is about to be imported
            self._set(widgets.Tk, _REPORT, _failing(widgets.Tk.report_callback_exception))
            self._set(widgets.CallWrapper, "__call__", _called_back(widgets.CallWrapper.__call__))
            self._set(widgets, "mainloop", outside(widgets.mainloop, "tkinter.mainloop"))
            for name in _LOOPS:
                self._set(widgets.Misc, name, outside(getattr(widgets.Misc, name), name))
            for name in _DELETING:
                self._set(getattr(widgets, name), "__del__", self._deleting(getattr(widgets, name).__del__))

    def leave(self) -> None:
        """What is made from now on is not ours; what was made may be deleted later."""
        for owner, name, value in self._undo:
            if name != "__del__" or not self._owners:
                setattr(owner, name, value)
        self._undo.clear()

    def end_loops(self, execution: Execution) -> None:
        """Who is in a main loop comes back from it."""
        for interpreter in self._present:
            me = execution.by_ident.get(self._owners[id(interpreter)])
            if me is not None and me.outside:
                interpreter.quit()
                _start(_wake, (interpreter,))  # which waits for as long as a callback lasts

    def close(self) -> None:
        """The main thread is about to end: the windows that it made are destroyed, and nobody is called back."""
        self.closing = True
        for interpreter in self._present:
            if self._owners[id(interpreter)] == _get_ident():
                with suppress(_error()):  # they have been destroyed
                    interpreter.call("destroy", ".")
        self._present.clear()
        self.closing = False
        REAL_THREADS.offer()

    def _set(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def _keeping(self, create: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(create)
        def keep(*args: Any, **options: Any) -> Any:
            interpreter = create(*args, **options)
            if STAGE.execution is not None:
                import ctypes  # it takes its time, and most programs have no windows

                ctypes.pythonapi.Py_IncRef(ctypes.py_object(interpreter))  # for ever: also at the end of Python
                self._owners[id(interpreter)] = _get_ident()
                self._present.append(interpreter)
                REAL_THREADS.keep()
                interpreter.eval("interp bgerror {} list")  # which takes what went wrong, and says nothing
            return interpreter

        return keep

    def _deleting(self, delete: Callable[[Any], object]) -> Callable[[Any], None]:
        @wraps(delete)
        def delete_here(variable: Any) -> None:
            interpreter = getattr(variable, "_tk", None) or getattr(variable, "tk", None)
            if self._owners.get(id(interpreter), _get_ident()) == _get_ident():
                delete(variable)  # else its thread would be waited for

        return delete_here


def _failing(report: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(report)
    def fail(window: Any, kind: type[BaseException], error: BaseException, *traceback: Any) -> Any:
        execution = STAGE.execution
        me = execution.here() if execution is not None else None
        if execution is None or me is None:
            return report(window, kind, error, *traceback)
        if not execution.aborting:
            execution.fail(uncaught(execution, me, error))
        return window.quit()

    return fail


def _called_back(call: Callable[..., Any]) -> Callable[..., Any]:
    """What a main loop calls is under control, though the loop is not."""

    @wraps(call)
    def called(callback: Any, *args: Any) -> Any:
        if INTERPRETERS.closing:
            return None
        execution = STAGE.execution
        me = execution.by_ident.get(_get_ident()) if execution is not None else None
        if execution is None or me is None or not me.outside:
            return call(callback, *args)
        me.outside = False
        execution.come_back(me)
        try:
            return call(callback, *args)
        finally:
            if not execution.aborting:
                me.outside = True
                execution.let_go(me, "a main loop of Tk")

    return called


def _wake(interpreter: Any) -> None:
    with suppress(_error(), RuntimeError):  # it is not in a main loop, or not any more
        interpreter.eval("")


def _error() -> type[Exception]:
    """What Tk raises."""
    module: Any = sys.modules["_tkinter"]
    found: type[Exception] = module.TclError
    return found


INTERPRETERS = Interpreters()
