"""Which of the joysticks of a machine is ours, over plug and unplug."""

from __future__ import annotations

from il_teleop.device.events import Added, Device, Removed

ACCESS = 'on Linux the user must be in group input to read /dev/input/event*'


class Choice:
    """Choose one joystick and stay with it.

    The first one is found by `name`, or without a name by its `number`. Once it was there it is
    looked for by its name, among what is plugged in after it went: another joystick that moves up
    to its number never takes its place.
    """

    def __init__(self, number: int, name: str) -> None:
        self._number, self._name = number, name
        self._there: dict[int, Device] = {}
        self._strangers: set[int] = set()
        self._lost = ''
        self.chosen: Device | None = None

    def note(self, event: Added | Removed) -> None:
        """Take notice of a joystick that came or went."""
        if isinstance(event, Added):
            self._there[event.device.instance] = event.device
        else:
            self._there.pop(event.instance, None)
            self._strangers.discard(event.instance)
            if self.chosen and self.chosen.instance == event.instance:
                self._lost, self.chosen = self.chosen.name, None
                self._strangers = set(self._there)
        self.chosen = self.chosen or self._find()

    def missing(self) -> str:
        """Say what is looked for and what to do."""
        if self._lost:
            return f'joystick {self._lost} is unplugged: plug it in again; nothing is published'
        others = ', '.join(repr(d.name) for d in self._there.values()) or 'none'
        wanted = f'{self._name!r}' if self._name else f'number {self._number}'
        return f'no joystick {wanted} (there: {others}): plug it in; {ACCESS}'

    def _find(self) -> Device | None:
        name = self._lost or self._name
        fits = [
            device
            for number, device in enumerate(self._there.values())
            if device.instance not in self._strangers
            and (device.name == name if name else number == self._number)
        ]
        return fits[0] if fits else None
