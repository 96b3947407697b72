"""Is there a joystick, may it be read, and who would read it?"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

from il_ros import environment
from il_ros.doctor.api import Result, Settings, fail, ok, warn
from il_ros.doctor.probing import run_python

INPUT = Path('/dev/input')
KEYBOARD = 'without one: `il run --operator keyboard`'
NAMES = (
    'import json, pygame; pygame.display.init(); pygame.joystick.init(); '
    'n = pygame.joystick.get_count(); '
    'print(json.dumps([pygame.joystick.Joystick(i).get_name() for i in range(n)]))'
)


def check(settings: Settings) -> Iterator[Result]:
    devices = sorted(INPUT.glob('js*'))
    closed = [str(path) for path in devices if not os.access(path, os.R_OK)]
    if closed:
        remedy = '`sudo usermod -aG input $USER`, then log in again'
        yield fail('joystick', f'{", ".join(closed)}: no permission to read', remedy)
    names = _names()
    readable = [str(path) for path in devices if str(path) not in closed]
    if readable or names:
        yield ok('joystick', f'{", ".join([*readable, *(names or ())])}')
    elif not closed:
        finding = f'none: no {INPUT}/js*' + ('' if names is None else ', SDL finds none')
        yield warn('joystick', finding, f'plug it in, pair it, and look again; {KEYBOARD}')
    yield _driver()


def _names() -> list[str] | None:
    """Return what SDL finds; None where pygame is not there."""
    if importlib.util.find_spec('pygame') is None:
        return None
    quiet = {'SDL_VIDEODRIVER': 'dummy', 'PYGAME_HIDE_SUPPORT_PROMPT': '1'}
    done = run_python(['-c', NAMES], {**os.environ, **quiet}, 10.0)
    found: list[str] = json.loads(done.out) if done.code == 0 else []
    return found


def _driver() -> Result:
    """Say who reads the gamepad in a graph: as `GraphArgs.joystick_reader` chooses."""
    sdl, environ = '`pip install pygame-ce`', environment.of_children()
    if environment.gamepad_driver(environ) == 'joy_node':
        finding = 'joy_node; unplugged it says that all buttons were let go'
        remedy = f'{sdl}: joystick_node, which is silent then, needs SDL'
        return warn('driver', finding, remedy)
    if environment.has_sdl(environ):
        return ok('driver', 'joystick_node of this package')
    remedy = f'{sdl}, or `apt install ros-$ROS_DISTRO-joy` on a ROS install; {KEYBOARD}'
    return warn('driver', 'neither pygame nor the package joy is installed', remedy)
