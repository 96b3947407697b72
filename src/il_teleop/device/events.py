"""What joysticks do, as plain values, and what a source of them has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Device:
    """One joystick that is plugged in.

    Args:
        instance: its number since it was plugged in; it has another one when it comes back.
        name: what the driver calls it.
        axes: (n,) where they are, right and down positive (SDL's way), -1..1.
        buttons, hats: how many it has.
    """

    instance: int
    name: str
    axes: tuple[float, ...]
    buttons: int
    hats: int = 0

    def words(self) -> str:
        """Return name and size, as joystick messages have it: a hat counts as two axes."""
        return f'{self.name} ({len(self.axes) + 2 * self.hats} axes, {self.buttons} buttons)'


@dataclass(frozen=True, slots=True)
class Added:
    """A joystick was plugged in, or was there when the reading began."""

    device: Device


@dataclass(frozen=True, slots=True)
class Removed:
    """Joystick `instance` was unplugged."""

    instance: int


@dataclass(frozen=True, slots=True)
class AxisMoved:
    """An axis of joystick `instance` is at `value`: -1..1, right and down positive."""

    instance: int
    number: int
    value: float


@dataclass(frozen=True, slots=True)
class ButtonMoved:
    """A button of joystick `instance` went down or up."""

    instance: int
    number: int
    down: bool


@dataclass(frozen=True, slots=True)
class HatMoved:
    """A hat of joystick `instance` points to (x, y), each -1, 0 or 1; right and up positive."""

    instance: int
    number: int
    x: int
    y: int


Event = Added | Removed | AxisMoved | ButtonMoved | HatMoved


class Joysticks(Protocol):
    """Every joystick of this machine. All calls come from one thread."""

    def poll(self) -> list[Event]:
        """Return what happened since the last call, without waiting. The first call returns an
        Added per joystick that is there."""

    def rumble(self, instance: int, intensity: float, duration_s: float) -> bool:
        """Shake it, 0 (stop) to 1. Returns whether it can."""

    def close(self) -> None:
        """Let go of all of them. Safe to call twice."""
