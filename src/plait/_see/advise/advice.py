"""Advice: which engine and how many workers suit a function, with everything that was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from plait._draw.advice_page import draw_advice
from plait._see.advise.profile import Profile
from plait._see.advise.rule import Pick
from plait._see.advise.trial import Trial
from plait._see.advise.words import curve, facts, points, problems, sentence, table


@dataclass(frozen=True, slots=True)
class Advice:
    """What `plait.advise` found out; ``str()`` says it: one sentence, what a call costs, a table and a curve.

    Attributes:
        function: its name.
        items: for how many items this is the advice.
        engine, workers: what to pass to ``plait.map``.
        profile: what one call costs: wall and processor time, share of the GIL, bytes and time to move its data.
        trials: every engine with every number of workers that was tried.
        break_even: from how many items on workers with memory of their own pay for their start; None if they never do.
        cores: how many cores there were.
    """

    function: str
    items: int
    engine: str
    workers: int
    profile: Profile
    trials: tuple[Trial, ...]
    break_even: int | None
    cores: int

    @property
    def sentence(self) -> str:
        """The advice in one sentence, with the figures that decided."""
        return sentence(self.function, self._pick, self.profile, self.trials, self.cores)

    @property
    def seconds(self) -> float:
        """How long a map over all items would take as advised, from a cold start."""
        return self._pick.best.seconds(self.items)

    @property
    def speed_up(self) -> float:
        """How many times as fast as a loop over all items that is, its start included."""
        return self._pick.speed_up

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return {
            "function": self.function,
            "items": self.items,
            "engine": self.engine,
            "workers": self.workers,
            "sentence": self.sentence,
            "seconds": self.seconds,
            "speed_up": self.speed_up,
            "break_even": self.break_even,
            "cores": self.cores,
            "profile": asdict(self.profile),
            "trials": [asdict(trial) for trial in self.trials],
        }

    def page(self) -> str:
        """The same as one HTML file that needs no network."""
        drawn = points(self.trials, self._pick.best)
        return draw_advice(self.function, self.sentence, facts(self.profile), drawn, problems(self.trials))

    def __str__(self) -> str:
        picture = curve(self.trials, self._pick.best)
        parts = [
            self.sentence,
            *facts(self.profile),
            "",
            *table(self.trials, self._pick.best, self.items),
            "",
            *picture,
        ]
        return "\n".join(parts)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))  # what IPython shows

    def _repr_html_(self) -> str:
        from html import escape

        return f'<iframe srcdoc="{escape(self.page())}" style="width:100%;height:40rem;border:0"></iframe>'

    @property
    def _pick(self) -> Pick:
        best = next(one for one in self.trials if (one.engine, one.workers) == (self.engine, self.workers))
        return Pick(best, self.trials, self.break_even, self.items)
