"""PilotGrowth: as many threads as the measurements of ``engine="auto"`` want, and after them as many as help."""

from __future__ import annotations

from plait._engines.growth import Growth, Look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from plait._engines.choosing.auto_pilot import Pilot

_FULL = 0.75  # of a core is about what threads keep busy that only take the GIL from each other


class PilotGrowth(Growth):
    """Asks the pilot; `ends` once nothing runs on threads any more."""

    __slots__ = ("_pilot", "ends")

    def __init__(self, ceiling: int, cores: int, late_limit: float, pilot: Pilot) -> None:
        super().__init__(ceiling, cores, late_limit)
        self._pilot = pilot
        self.ends = False

    def change(self, look: Look) -> int:
        self._pilot.note_threads(look)
        self._pilot.look()
        if self.ends:
            return 0
        wanted = self._pilot.threads_wanted()
        if wanted is None:
            if not self._pilot.one_suffices or look.stuck or (look.busy is not None and look.busy < _FULL):
                return super().change(look)
            self.eager = False
            self.reason = "another would only have waited for the GIL, or for memory"
            return min(0, 1 - look.threads)
        self.reason = ""  # what kept threads from being added says nothing about the engine that comes now
        self.eager = self._pilot.in_a_hurry
        if look.stuck and self._pilot.choice is not None:
            return super().change(look)
        if self._pilot.wants_fewer:
            return min(0, wanted - look.threads)
        return max(0, min(wanted - look.threads, self.ceiling - look.threads, look.backlog))
