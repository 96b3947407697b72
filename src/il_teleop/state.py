"""What a joystick's reader and writer both remember between messages: latches and dead-man."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from il_core.types import Command, Owner
from il_teleop.drive import Drive, Hands
from il_teleop.mapping import DeadMan, Held, JoystickMap


@dataclass(frozen=True, slots=True)
class Uses:
    """What reads every joystick axis and button, by number; empty where nothing does."""

    axes: tuple[str, ...]
    buttons: tuple[str, ...]


class Latches:
    """What the latched axes hold. They follow what was really sent while the human does not own,
    so that a take-over starts from there; NaN until the first command or setting press."""

    def __init__(self, drives: tuple[Drive, ...]) -> None:
        self._latched = [i for i, drive in enumerate(drives) if drive.latch]
        self.values = [math.nan] * len(drives)

    def sync(self, command: Command) -> None:
        """Take over the sent values of the latched axes, unless the human owns and set them."""
        for i in self._latched:
            if command.owner is not Owner.HUMAN or math.isnan(self.values[i]):
                self.values[i] = float(command.action[i])

    def keep(self, action: Iterable[float]) -> None:
        """Remember (A,) as what the human wants."""
        self.values = list(action)


class Engagement:
    """The dead-man, over successive messages."""

    def __init__(self, dead_man: DeadMan) -> None:
        self._rule = dead_man
        self._on = False

    def update(self, axes: tuple[float, ...], buttons: tuple[int, ...], edges: Set[int]) -> bool:
        """Return whether the human is at the controls. `edges` are the buttons that went down."""
        held = _held(self._rule.hold, axes, buttons)
        if self._rule.toggle_button is None:
            return held
        if self._rule.toggle_button in edges:
            self._on = not self._on
        self._on = self._on and held
        return self._on


def hold(rule: Held, held: bool, hands: Hands) -> None:
    """Move `hands` so that `rule` reads as `held`."""
    if rule.button is not None:
        hands.buttons[rule.button] = int(held)
    if rule.axis is not None:
        hands.axes[rule.axis] = float(rule.sign if held else -rule.sign)


NOTHING: frozenset[int] = frozenset()


def went_down(buttons: tuple[int, ...], before: tuple[int, ...]) -> frozenset[int]:
    """Return the numbers of the buttons that are down now and were not before."""
    if buttons == before:
        return NOTHING
    pairs = enumerate(zip(buttons, before, strict=True))
    return frozenset(i for i, (now, then) in pairs if now and not then)


def uses(mapping: JoystickMap, drives: tuple[Drive, ...], names: Iterable[str]) -> Uses:
    """Return what is read of a message: for every number up to the highest one, by what."""
    axes, buttons = mapping.axis_uses(), mapping.button_uses()
    for drive, name in zip(drives, names, strict=True):
        axes += [(number, name) for number in drive.axes]
        buttons += [(number, name) for number in drive.buttons]
    return Uses(_listed(axes), _listed(buttons))


def _held(rule: Held, axes: Sequence[float], buttons: Sequence[int]) -> bool:
    if rule.button is not None:
        return bool(buttons[rule.button])
    return rule.axis is not None and rule.sign * axes[rule.axis] > rule.threshold


def _listed(pairs: list[tuple[int, str]]) -> tuple[str, ...]:
    by_number = dict(pairs)
    return tuple(by_number.get(i, '') for i in range(max(by_number, default=-1) + 1))
