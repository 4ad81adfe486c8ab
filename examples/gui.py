"""A window with a long task: the progress bar moves, Cancel works at once, and the window never freezes.

The mistake people make: calling the long function in the button's handler. Then the window does nothing else until it
has returned. Here a thread of a scope runs it, and the window looks at its progress thirty times a second: only the
thread that made a window may touch it.
"""

from __future__ import annotations

import tkinter
from tkinter import ttk

import plait

ITEMS = 300


def work(n: int) -> int:
    """Stands for a picture to be converted: pure Python that computes for some milliseconds."""
    return sum(i * i % 7 for i in range(60_000 + n))


class Window:
    """The window. Its methods run in the window's own thread; only `convert` runs in a thread of the scope."""

    def __init__(self, root: tkinter.Tk, scope: plait.Scope) -> None:
        self.root = root
        self.scope = scope
        self.task: plait.Future[None] | None = None
        self.done = 0
        root.title("plait")
        root.protocol("WM_DELETE_WINDOW", self.leave)
        self.words = ttk.Label(root, text="ready", width=40)
        self.bar = ttk.Progressbar(root, length=360, maximum=ITEMS)
        self.start = ttk.Button(root, text="Start", command=self.begin)
        self.cancel = ttk.Button(root, text="Cancel", command=self.stop, state="disabled")
        self.words.pack(padx=20, pady=(20, 5))
        self.bar.pack(padx=20, pady=5)
        self.start.pack(side="left", padx=(20, 5), pady=(5, 20))
        self.cancel.pack(side="left", padx=5, pady=(5, 20))

    def convert(self) -> None:
        """The long task: all cores compute, this thread counts."""
        for _ in plait.map(work, range(ITEMS), engine="process"):
            self.done += 1

    def begin(self) -> None:
        """Start was pressed."""
        self.done = 0
        self.task = self.scope.submit(self.convert)
        self.start["state"], self.cancel["state"] = "disabled", "normal"
        self.show()

    def show(self) -> None:
        """Draw how far the task is, and come back in a moment."""
        assert self.task is not None
        self.bar["value"] = self.done
        self.words["text"] = f"{self.done} of {ITEMS} converted"
        if not self.task.done():
            self.root.after(33, self.show)
            return
        if self.task.cancelled():
            self.words["text"] += ", then cancelled"
        self.start["state"], self.cancel["state"] = "normal", "disabled"

    def stop(self) -> None:
        """Cancel was pressed: the task stops now, and its workers with it."""
        if self.task is not None:
            self.task.cancel()

    def leave(self) -> None:
        """The window was closed."""
        self.stop()
        self.root.destroy()


def main() -> None:
    """Show the window until it is closed."""
    with plait.scope() as scope:
        root = tkinter.Tk()
        Window(root, scope)
        root.mainloop()


if __name__ == "__main__":
    main()
