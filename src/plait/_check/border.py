"""The border of our control: calls that the others do not wait for, and how their threads come back.

Who decides between the threads that we control and what is outside holds `border`. A thread in such a call is `away`.
The baton is `dropped` when everybody who could have it is away; whoever returns first takes it up.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plait._check.controlled import UNKNOWN, Abort
from plait._check.unwinding import refuse

if TYPE_CHECKING:
    import _thread

    from plait._check.controlled import Controlled


class Border:
    """What an execution does at its border; the state is the execution's, see there."""

    threads: list[Controlled]
    ready: list[Controlled]
    nobody: Controlled
    running: Controlled
    returned: deque[Controlled]
    away: int
    dropped: bool
    border: _thread.LockType
    outside: list[str]
    aborting: bool
    choose: Callable[..., Any]

    @abstractmethod
    def pass_on(self, me: Controlled) -> None:
        """See `Execution`."""

    @abstractmethod
    def make_ready(self, waiting: Controlled) -> None:
        """See `Execution`."""

    @abstractmethod
    def unready(self, waiting: Controlled) -> None:
        """See `Execution`."""

    @abstractmethod
    def here(self) -> Controlled | None:
        """See `Execution`."""

    @abstractmethod
    def _rest(self, me: Controlled) -> None:
        """See `Execution`."""

    def _drop(self, me: Controlled) -> bool:
        """Puts the baton down until a call outside our control returns; False if one has by now."""
        with self.border:
            if self.returned:
                return False
            self.running = self.nobody
            self.dropped = True
        self._rest(me)
        return True

    def let_go(self, me: Controlled, what: str) -> None:
        """`me`, which has the baton, makes a call outside our control: somebody else goes on meanwhile."""
        me.away = True
        self.away += 1
        self.tell_outside(what)
        self.unready(me)
        self.pass_on(me)

    def tell_outside(self, what: str) -> None:
        """The program has made this call: what comes of it is not ours to say."""
        if what not in self.outside:
            self.outside.append(what)

    def come_back(self, me: Controlled) -> None:
        """The call has returned: `me` waits for its turn, or takes up the baton if nobody has it."""
        with self.border:
            self.returned.append(me)
            me.call = UNKNOWN  # only now: who waits for it to be back looks whether its call is known
            if self.dropped and not self.aborting:
                self.dropped = False
                self.admit()
                self.running = me
                return
        me.baton.acquire()
        if self.aborting:
            refuse(me)

    def be_back(self) -> None:
        """The caller's code has ended: the others may not have waited for its last call."""
        with suppress(Abort):
            if not self.aborting:
                self.here()

    def admit(self) -> None:
        """Those that are back can go on."""
        while self.returned:
            back = self.returned.popleft()
            back.away = False
            self.away -= 1
            self.make_ready(back)

    def pick_up(self) -> None:
        """Gives the baton to one who is ready, from outside; with `border` held, while nobody has it."""
        self.admit()  # who has come back while another had the baton waits for it
        self.dropped = not self.ready
        if self.ready:
            chosen = self.choose(self.ready, None, self.threads) if len(self.ready) > 1 else self.ready[0]
            self.running = chosen
            chosen.baton.release()
