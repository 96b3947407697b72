"""Look at joysticks, and make a mapping for one by pushing what is asked for."""

from __future__ import annotations

import argparse
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from il_core.errors import UserError
from il_core.load import load_spec
from il_teleop.api import JoyState
from il_teleop.device.core import Reader, ReaderConfig
from il_teleop.device.dialogue import Dialogue
from il_teleop.device.events import Added, Device, Joysticks
from il_teleop.device.mapping_file import check_target, mapping_text, write_mapping
from il_teleop.device.sdl import SdlJoysticks

EXAMPLE = """example:
  il joystick list                                      what is plugged in
  il joystick show                                      its numbers while you move it
  il joystick calibrate --task reach --out my_pad.yaml  then: il run --joystick my_pad.yaml
"""
RATE_HZ, POLL_S, FIND_S = 50.0, 0.01, 2.0


def main(argv: Sequence[str], open_joysticks: Callable[[], Joysticks] = SdlJoysticks) -> int:
    """`il joystick`. Returns the exit code."""
    options = _parser().parse_args(argv)
    if options.action == 'calibrate':
        check_target(Path(options.out), options.force)
        load_spec(options.task, options.robot)
    joysticks = open_joysticks()
    try:
        return int(ACTIONS[options.action](joysticks, options))
    finally:
        joysticks.close()


def list_(joysticks: Joysticks, options: argparse.Namespace) -> int:
    """Print every joystick that is there."""
    there = [e.device for e in joysticks.poll() if isinstance(e, Added)]
    for number, device in enumerate(there):
        print(f'{number}  {device.words()}')
    if not there:
        print('no joystick; on Linux the user must be in group input to read /dev/input/event*')
    return 0 if there else 1


def show(joysticks: Joysticks, options: argparse.Namespace) -> int:
    """Print the numbers of one joystick until Ctrl-C."""
    for _, joy in _messages(joysticks, options):
        axes = ' '.join(f'{i}:{value:+.2f}' for i, value in enumerate(joy.axes))
        down = ' '.join(str(i) for i, value in enumerate(joy.buttons) if value)
        print(f'\r\x1b[Kaxes {axes}  buttons {down}', end='', flush=True)
    return 0


def calibrate(joysticks: Joysticks, options: argparse.Namespace) -> int:
    """Ask for every axis and button, and write the mapping."""
    spec, out = load_spec(options.task, options.robot), Path(options.out)
    dialogue, asked = Dialogue(spec), ''
    for device, joy in _messages(joysticks, options):
        said = [dialogue.feed(joy, joy.stamp_ns), dialogue.skip() if _enter() else '']
        print(*(f'  {text}' for text in said if text), sep='\n', end='\n' if any(said) else '')
        if not dialogue.prompt:
            write_mapping(out, mapping_text(dialogue.mapping(), device, spec), spec)
            print(f'{out} is written; il run --joystick {out} uses it')
            return 0
        if dialogue.prompt != asked or any(said):
            asked = dialogue.prompt
            print(asked, flush=True)
    return 1


ACTIONS = {'list': list_, 'show': show, 'calibrate': calibrate}


def _messages(
    joysticks: Joysticks, options: argparse.Namespace
) -> Iterator[tuple[Device, JoyState]]:
    """Yield the messages of one joystick, without dead zone, stamped with steady time.

    Raises:
        UserError: it is not there, or goes.
    """
    config = ReaderConfig(
        options.device_id, options.device_name, deadzone=0.0, autorepeat_rate=RATE_HZ
    )
    reader, seen = Reader(config), False
    give_up_s = time.monotonic() + FIND_S
    while True:
        now_ns = time.monotonic_ns()
        messages = reader.update(joysticks.poll(), now_ns, now_ns)
        if reader.device is None and (seen or time.monotonic() > give_up_s):
            raise UserError('joystick', options.device_name or options.device_id, reader.fault)
        seen = reader.device is not None
        yield from ((reader.device, joy) for joy in messages if reader.device)
        time.sleep(POLL_S)


def _enter() -> bool:
    """Return whether somebody pressed Enter, without waiting."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and sys.stdin.readline() == '\n'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='il joystick',
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('action', choices=tuple(ACTIONS))
    parser.add_argument('--device-id', type=int, default=0, help='number from `il joystick list`')
    parser.add_argument('--device-name', default='', help='name; wins over the number')
    group = parser.add_argument_group('calibrate')
    group.add_argument('--task', default='reach', help='whose robot it is to drive')
    group.add_argument('--robot', default='', help="another robot than the task's own")
    group.add_argument('--out', default='my_joystick.yaml', help='the mapping to write')
    group.add_argument('--force', action='store_true', help='replace --out where it exists')
    return parser
