"""What latched axes were last told, for a gate that is started anew: without, it would open a
gripper that holds something."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from il_core.spec import Spec
from il_core.types import AxisKind, Vector


class Place(Protocol):
    """Where a text is kept; `found`: the one from before."""

    found: str

    def write(self, text: str) -> None: ...


class LatchedMemory:
    """Notes the settings of latched axes that nothing measures.

    Attributes:
        settings: axis to what was sent last, by this gate or the one before; empty where that is
            not known.
    """

    def __init__(self, spec: Spec, place: Place) -> None:
        axes = [a for a in spec.axes if a.kind is AxisKind.LATCHED and not a.measured]
        self._names = [a.name for a in axes]
        self._at = np.array([spec.axis_names.index(name) for name in self._names], np.intp)
        self._place, self._last = place, b''
        kept = [(axis, _read(place.found).get(axis.name)) for axis in axes]
        sound = [(a, v) for a, v in kept if isinstance(v, float) and a.low <= v <= a.high]
        self.settings: Mapping[str, float] = {axis.name: value for axis, value in sound}

    def note(self, action: Vector) -> None:
        """An (A,) action was sent."""
        values = action[self._at]
        now = values.tobytes()
        if now != self._last:
            self._last = now
            self.settings = dict(zip(self._names, values.tolist(), strict=True))
            self._place.write(json.dumps(self.settings))


def _read(text: str) -> Mapping[str, object]:
    with contextlib.suppress(json.JSONDecodeError):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    return {}
