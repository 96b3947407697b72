"""Joysticks through SDL (pygame-ce), without a window."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from il_core.errors import UserError
from il_teleop.device.events import (
    Added,
    AxisMoved,
    ButtonMoved,
    Device,
    Event,
    HatMoved,
    Removed,
)

# For this process, unless the user has set them: no window; events though no window has the
# focus; numbers in the order of the kernel's driver, whoever may read /dev/hidraw*; Ctrl-C stays
# ours; no greeting.
SETTINGS = {
    'SDL_VIDEODRIVER': 'dummy',
    'SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS': '1',
    'SDL_JOYSTICK_HIDAPI': '0',
    'SDL_NO_SIGNAL_HANDLERS': '1',
    'PYGAME_HIDE_SUPPORT_PROMPT': '1',
}


class SdlJoysticks:
    """All joysticks that SDL finds, each open from when it is there until it goes.

    Raises:
        UserError: pygame-ce is not installed.
    """

    def __init__(self) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        self._sdl = _pygame()
        self._open: dict[int, Any] = {}
        self._sdl.display.init()
        self._sdl.joystick.init()
        kinds = ('DEVICEADDED', 'DEVICEREMOVED', 'AXISMOTION', 'BUTTONDOWN', 'BUTTONUP')
        self._kinds = {getattr(self._sdl, f'JOY{kind}'): kind for kind in (*kinds, 'HATMOTION')}
        self._sdl.event.set_blocked(None)
        self._sdl.event.set_allowed(list(self._kinds))

    def poll(self) -> list[Event]:
        made = [self._event(self._kinds[e.type], e) for e in self._sdl.event.get()]
        return [event for event in made if event is not None]

    def rumble(self, instance: int, intensity: float, duration_s: float) -> bool:
        stick = self._open.get(instance)
        if stick is None:
            return False
        return bool(stick.rumble(intensity, intensity, round(duration_s * 1000)))

    def close(self) -> None:
        self._open.clear()
        self._sdl.joystick.quit()
        self._sdl.display.quit()

    def _event(self, kind: str, event: Any) -> Event | None:
        if kind == 'DEVICEADDED':
            return self._added(event.device_index)
        if kind == 'DEVICEREMOVED':
            self._open.pop(event.instance_id, None)
            return Removed(event.instance_id)
        if kind == 'AXISMOTION':
            return AxisMoved(event.instance_id, event.axis, event.value)
        if kind == 'HATMOTION':
            return HatMoved(event.instance_id, event.hat, *event.value)
        return ButtonMoved(event.instance_id, event.button, kind == 'BUTTONDOWN')

    def _added(self, index: int) -> Added | None:
        try:
            stick = self._sdl.joystick.Joystick(index)
        except self._sdl.error:  # it went again before we came to it, or is not ours to read
            return None
        self._open[stick.get_instance_id()] = stick
        device = Device(
            stick.get_instance_id(),
            stick.get_name(),
            tuple(stick.get_axis(i) for i in range(stick.get_numaxes())),
            stick.get_numbuttons(),
            stick.get_numhats(),
        )
        return Added(device)


def _pygame() -> ModuleType:
    try:
        import pygame
    except ImportError as error:
        rule = 'is what reads a joystick here: pip install pygame-ce'
        raise UserError('package pygame-ce', 'not installed', rule) from error
    return pygame
