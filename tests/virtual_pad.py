"""SDL's virtual joystick: a device that tests plug in, move, and unplug.

As a program it runs JoystickNode (with arguments `il FD ...`: `il joystick ...`) with such a
device, told by lines on stdin (on FD): `plug`, `unplug`, `axis 1 -1.0`, `press 3`, `let 3`,
`hat -1 1`. It says on stdout what it does and feels.
"""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import threading
from pathlib import Path
from typing import TextIO

from il_teleop.device.events import Event
from il_teleop.device.sdl import SdlJoysticks

NAME = 'Virtual Pad'
GAMEPAD = 1
HAT_BITS = {(0, 1): 1, (1, 0): 2, (0, -1): 4, (-1, 0): 8}
RUMBLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint16, ctypes.c_uint16)


class Description(ctypes.Structure):
    """SDL_VirtualJoystickDesc, version 1 (SDL 2.24)."""

    _fields_ = [
        *((n, ctypes.c_uint16) for n in ('version', 'type', 'naxes', 'nbuttons', 'nhats')),
        *((n, ctypes.c_uint16) for n in ('vendor_id', 'product_id', 'padding')),
        *((n, ctypes.c_uint32) for n in ('button_mask', 'axis_mask')),
        ('name', ctypes.c_char_p),
        *((n, ctypes.c_void_p) for n in ('userdata', 'Update', 'SetPlayerIndex')),
        ('Rumble', RUMBLE),
        *((n, ctypes.c_void_p) for n in ('RumbleTriggers', 'SetLED', 'SendEffect')),
    ]


class VirtualPad:
    """One virtual gamepad: 6 axes (4 and 5 are triggers), 13 buttons, 1 hat. Needs an open
    SdlJoysticks, and its thread."""

    def __init__(self, name: str = NAME, axes: int = 6, buttons: int = 13) -> None:
        self.felt: list[float] = []
        self._sdl = ctypes.CDLL(_sdl_path())
        self._sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
        self._feel = RUMBLE(lambda _, low, high: self.felt.append(low / 65535) or 0)
        self._what = Description(1, GAMEPAD, axes, buttons, 1, name=name.encode())
        self._what.Rumble = self._feel
        self._index, self._stick = -1, ctypes.c_void_p()
        self.plug()

    def plug(self) -> None:
        self._index = self._sdl.SDL_JoystickAttachVirtualEx(ctypes.byref(self._what))
        assert self._index >= 0
        self._stick = ctypes.c_void_p(self._sdl.SDL_JoystickOpen(self._index))

    def unplug(self) -> None:
        assert self._sdl.SDL_JoystickDetachVirtual(self._index) == 0

    def axis(self, number: int, value: float) -> None:
        """Value as SDL has it: right and down are positive."""
        raw = max(round(value * 32768), -32768)
        self._sdl.SDL_JoystickSetVirtualAxis(self._stick, number, min(raw, 32767))
        self._sdl.SDL_JoystickUpdate()

    def button(self, number: int, down: bool) -> None:
        self._sdl.SDL_JoystickSetVirtualButton(self._stick, number, int(down))
        self._sdl.SDL_JoystickUpdate()

    def press(self, number: int) -> None:
        self.button(number, True)

    def let(self, number: int) -> None:
        self.button(number, False)

    def hat(self, x: int, y: int) -> None:
        bits = HAT_BITS.get((x, 0), 0) | HAT_BITS.get((0, y), 0)
        self._sdl.SDL_JoystickSetVirtualHat(self._stick, 0, bits)
        self._sdl.SDL_JoystickUpdate()


class DrivenJoysticks(SdlJoysticks):
    """SDL with one virtual pad that does what lines of text say."""

    def __init__(self, lines: queue.SimpleQueue[str]) -> None:
        super().__init__()
        self._lines, self.pad = lines, VirtualPad()

    def poll(self) -> list[Event]:
        while not self._lines.empty():
            verb, *numbers = self._lines.get().split()
            getattr(self.pad, verb)(*(float(n) if '.' in n else int(n) for n in numbers))
            print('did', verb, *numbers, flush=True)
        while self.pad.felt:
            print('felt', self.pad.felt.pop(0), flush=True)
        return super().poll()


def lines_of(stream: TextIO) -> queue.SimpleQueue[str]:
    """Return a queue that a thread fills with the lines of a stream."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: [lines.put(line) for line in stream], daemon=True).start()
    return lines


def _sdl_path() -> str:
    """Return the SDL that pygame has loaded."""
    maps = Path('/proc/self/maps').read_text().splitlines()
    return next(line.split()[-1] for line in maps if 'libSDL2-2' in line)


def il_joystick(pad: str, *argv: str) -> int:
    """Run `il joystick` with the pad, told by lines from the file descriptor `pad`."""
    from il_teleop.device.cli import main

    lines = lines_of(os.fdopen(int(pad)))
    return main(argv, lambda: DrivenJoysticks(lines))


def main() -> None:
    from il_ros.run import run
    from il_teleop.device.node import JoystickNode

    lines = lines_of(sys.stdin)

    class Driven(JoystickNode):
        def open_joysticks(self) -> SdlJoysticks:
            return DrivenJoysticks(lines)

    run(Driven)


if __name__ == '__main__':
    if sys.argv[1:2] == ['il']:
        sys.exit(il_joystick(*sys.argv[2:]))
    main()
