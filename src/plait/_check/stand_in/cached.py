"""What stands in for `functools.cached_property`: the look for a value and the keeping of a new one are events."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from plait._check.access import own_attributes
from plait._check.stage import STAGE
from plait._core.event import Kind


def computed_once(real: Callable[..., Any]) -> Callable[..., Any]:
    """As `cached_property.__get__`."""

    @wraps(real)
    def get(self: Any, instance: Any, owner: type | None = None) -> Any:
        name = self.attrname
        execution = STAGE.execution
        if execution is None or instance is None or not name or name in own_attributes(instance):
            return real(self, instance, owner)
        site = execution.sites.here()
        me = execution.step(Kind.READ, execution.places.number(instance), name, site)
        value = real(self, instance, owner)
        if me is not None and not me.quiet:
            execution.note(me, Kind.WRITE, execution.places.number(instance), name, site)
        return value

    return get
