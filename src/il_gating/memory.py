"""What a gate that is started anew must know: what latched axes were last told (without, it would
open a gripper that holds something), whether the emergency stop was on, and what the joystick had
counted: a stop that is pressed while no gate listens must not be lost."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from il_core.spec import Spec
from il_core.types import AxisKind, Press, Vector
from il_gating.intake import Presses


class Place(Protocol):
    """Where a text is kept; `found`: the one from before."""

    found: str

    def write(self, text: str) -> None: ...


class GateMemory:
    """Notes the settings of latched axes that nothing measures, and the emergency stop.

    Attributes:
        settings: axis to what was sent last, by this gate or the one before; empty where that is
            not known.
        stopped: the emergency stop is on, or was when the gate before died.
        presses: counts of the joystick that a gate has acted on; None: not known.
    """

    def __init__(self, spec: Spec, place: Place) -> None:
        axes = [a for a in spec.axes if a.kind is AxisKind.LATCHED and not a.measured]
        self._names = [a.name for a in axes]
        self._at = np.array([spec.axis_names.index(name) for name in self._names], np.intp)
        self._place, self._last = place, b''
        found = _mapping(place.found)
        sent = _mapping(found.get('settings'))
        kept = [(axis, sent.get(axis.name)) for axis in axes]
        sound = [(a, v) for a, v in kept if isinstance(v, float) and a.low <= v <= a.high]
        self.settings: Mapping[str, float] = {axis.name: value for axis, value in sound}
        self.stopped = found.get('estop') is True
        self.presses = _counts(found.get('presses'))
        self._write()  # what is there may be from long ago: it does not count, and must not again

    def note(self, action: Vector) -> None:
        """An (A,) action was sent."""
        values = action[self._at]
        now = values.tobytes()
        if now != self._last:
            self._last = now
            self.settings = dict(zip(self._names, values.tolist(), strict=True))
            self._write()

    def stop(self, on: bool) -> None:
        """The emergency stop is on, or off."""
        if on is not self.stopped:
            self.stopped = on
            self._write()

    def count(self, presses: Presses | None) -> None:
        """The gate has acted on these counts of the joystick."""
        if presses != self.presses:
            self.presses = presses
            self._write()

    def forget(self) -> None:
        """Leave nothing of the emergency stop to the next gate: this one ends in good order."""
        self.stop(False)
        self.count(None)

    def _write(self) -> None:
        left = {'settings': self.settings, 'estop': self.stopped, 'presses': self.presses}
        self._place.write(json.dumps(left))


def _counts(found: object) -> Presses | None:
    """Return what a list of counts says; None where it is none."""
    counts = tuple(found) if isinstance(found, list) else ()
    whole = len(counts) == len(Press) and all(type(n) is int for n in counts)
    return counts if whole else None


def _mapping(found: object) -> Mapping[str, object]:
    """Return `found`, or what its text says; empty where that is no mapping."""
    if isinstance(found, str):
        with contextlib.suppress(json.JSONDecodeError):
            return _mapping(json.loads(found) if found else {})
    return found if isinstance(found, dict) else {}
