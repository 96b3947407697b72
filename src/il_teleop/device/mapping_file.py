"""A calibration as a file of config/joysticks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from il_core.errors import UserError
from il_core.spec import Spec
from il_teleop.device.events import Device
from il_teleop.mapping import load_joystick


def check_target(path: Path, force: bool) -> None:
    """Raise UserError where a mapping must not be written to `path`."""
    if path.suffix != '.yaml':
        raise UserError('out', str(path), 'must end in .yaml')
    if not path.parent.is_dir():
        raise UserError('out', str(path), f'there is no folder {path.parent}')
    if path.exists() and not force:
        raise UserError('out', str(path), 'exists already; --force replaces it')


def mapping_text(answers: Mapping[str, Any], device: Device, spec: Spec) -> str:
    """Return the file: what a Dialogue found, and for which device and robot."""
    described = {
        'description': f'{device.name}, calibrated for {spec.robot.name}',
        'device_axes': len(device.axes) + 2 * device.hats,
        'device_buttons': device.buttons,
        **answers,
    }
    note = (
        f'# Written by `il joystick calibrate` from {device.words()}.\n'
        '# Numbers are those of joystick_node, and of joy_node where it finds the same driver.\n'
    )
    return note + yaml.safe_dump(
        described, sort_keys=False, default_flow_style=None, width=math.inf
    )


def write_mapping(path: Path, text: str, spec: Spec) -> None:
    """Write `text` whole or not at all, after it was loaded and bound as teleop does it.

    Raises:
        UserError: it is not a mapping that drives this robot; `path` is untouched.
    """
    part = path.with_name(f'.{path.stem}.part.yaml')
    try:
        part.write_text(text)
        load_joystick(str(part)).bind(spec)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
