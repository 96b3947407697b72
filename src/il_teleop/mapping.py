"""What every stick and button of a joystick means: one YAML file in config/joysticks, checked and
bound to the axes of a robot."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from il_core import share
from il_core.errors import UserError
from il_core.load import read_yaml, structured
from il_core.spec import Axis, Spec
from il_core.types import AxisKind, Press
from il_teleop.binding import AxisBinding, Rest
from il_teleop.drive import Drive


class DeadManMode(enum.Enum):
    HOLD = 'hold'
    TOGGLE = 'toggle'


@dataclass(frozen=True)
class Held:
    """Something to hold down: a button, or a joystick axis beyond a threshold.

    Args:
        button: number of the button.
        axis, sign, threshold: held where `sign * axis` is above the threshold (a trigger that
            rests at 1 and ends at -1 has sign -1).
    """

    button: int | None = None
    axis: int | None = None
    sign: int = 1
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if (self.button is None) == (self.axis is None):
            raise UserError('dead_man', 'hold', 'needs either a button or an axis')
        if self.sign not in (-1, 1):
            raise UserError('dead_man: hold: sign', self.sign, 'not known', ['-1', '1'])
        if not -1 < self.threshold < 1:
            raise UserError('dead_man: hold: threshold', self.threshold, 'must be within -1..1')


@dataclass(frozen=True)
class DeadMan:
    """When the human is at the controls (`ExpertAction.engaged`).

    `hold`: while `hold` is held. `toggle`: `toggle_button` switches it on and off, and it is on
    only while the independent dead-man `hold` is held; letting go of that switches it off.
    """

    hold: Held
    mode: DeadManMode = DeadManMode.HOLD
    toggle_button: int | None = None

    def __post_init__(self) -> None:
        if (self.mode is DeadManMode.TOGGLE) != (self.toggle_button is not None):
            raise UserError(
                'dead_man: toggle_button', self.toggle_button, 'goes with mode toggle, and only it'
            )


@dataclass(frozen=True)
class Buttons:
    """Button numbers of the operator's presses; None where the joystick has none for it."""

    takeover: int | None = None
    release: int | None = None
    success: int | None = None
    failure: int | None = None
    discard: int | None = None
    estop: int | None = None

    def numbers(self) -> dict[Press, int]:
        """Return the button of every press that has one."""
        pairs = ((Press[f.name.upper()], getattr(self, f.name)) for f in fields(self))
        return {press: number for press, number in pairs if number is not None}


@dataclass(frozen=True)
class JoystickMap:
    """One joystick layout.

    Args:
        dead_man: when the human is at the controls.
        axes: one binding per action axis that is driven by name.
        rest: how every other action axis is driven; without it each needs a binding.
        buttons: the operator's presses.
        device_axes, device_buttons: how many the device has; 0: as many as are used.
    """

    dead_man: DeadMan
    name: str = ''
    description: str = ''
    axes: tuple[AxisBinding, ...] = ()
    rest: Rest | None = None
    buttons: Buttons = field(default_factory=Buttons)
    device_axes: int = 0
    device_buttons: int = 0

    def __post_init__(self) -> None:
        names = [binding.action for binding in self.axes]
        for name in names:
            if names.count(name) > 1:
                raise UserError('axes: action', name, 'is bound twice')
        self._check_buttons()

    def _check_buttons(self) -> None:
        used: dict[int, str] = {}
        bound = [(n, f'axes: {b.action}') for b in self.axes for n in b.buttons]
        for number, use in (*self.button_uses(), *bound):
            if number in used:
                raise UserError(f'{use}: button', number, f'is {used[number]} already')
            used[number] = use
        first = self.rest.toggle_button if self.rest else None
        if first is not None and first <= max(used, default=-1):
            rule = f'must be above every other button in use ({max(used)})'
            raise UserError('rest: toggle_button', first, rule)
        for number, use in used.items():
            _check_number(f'{use}: button', number, self.device_buttons)
        sticks = [(b.joy_axis, f'axes: {b.action}') for b in self.axes if b.joy_axis is not None]
        for number, use in (*self.axis_uses(), *sticks):
            _check_number(f'{use}: joy axis', number, self.device_axes)

    def button_uses(self) -> list[tuple[int, str]]:
        """Return the button numbers that presses and dead-man use, and for what."""
        pairs = [(n, f'buttons: {p.name.lower()}') for p, n in self.buttons.numbers().items()]
        if self.dead_man.hold.button is not None:
            pairs.append((self.dead_man.hold.button, 'dead_man: hold'))
        if self.dead_man.toggle_button is not None:
            pairs.append((self.dead_man.toggle_button, 'dead_man: toggle_button'))
        return pairs

    def axis_uses(self) -> list[tuple[int, str]]:
        """Return the joystick axis that the dead-man uses, if any."""
        axis = self.dead_man.hold.axis
        return [] if axis is None else [(axis, 'dead_man: hold')]

    def bind(self, spec: Spec) -> tuple[Drive, ...]:
        """Return one drive per action axis, in spec order.

        Raises:
            UserError: an action axis that the robot does not have (unless its binding is
            `optional`), one that nothing drives, or a drive that does not fit the axis' kind.
        """
        where = f'joystick {self.name}'
        bindings = {binding.action: binding for binding in self.axes}
        for binding in self.axes:
            if binding.action not in spec.axis_names and not binding.optional:
                raise UserError(
                    f'{where}: axes: action',
                    binding.action,
                    'no such action axis',
                    spec.axis_names,
                )
        drives = []
        for i, axis in enumerate(spec.axes):
            binding_ = bindings.get(axis.name) or self._rest(axis, i, spec, where)
            drives.append(binding_.drive(axis, f'{where}: axes: {axis.name}'))
            for number in drives[-1].axes:
                _check_number(f'{where}: axes: {axis.name}', number, self.device_axes)
        return tuple(drives)

    def _rest(self, axis: Axis, index: int, spec: Spec, where: str) -> AxisBinding:
        if self.rest is None:
            raise UserError(
                f'{where}: axes', axis.name, 'nothing drives this action axis; bind one of its own'
            )
        latched = [a.name for a in spec.axes if a.kind is AxisKind.LATCHED]
        return self.rest.binding(axis, index, latched)


def load_joystick(name: str) -> JoystickMap:
    """Load a mapping by its name in config/joysticks or by path of a YAML file.

    Raises:
        UserError: no such file, or a rule of the mapping is broken; names file and key.
    """
    path: Path = share.find('joysticks', name)
    data = read_yaml(path)
    if isinstance(data, Mapping) and 'name' not in data:
        data = {**data, 'name': path.stem}
    return structured(JoystickMap, data, path)


def _check_number(what: str, number: int, count: int) -> None:
    if number < 0:
        raise UserError(what, number, 'must be 0 or above')
    if count and number >= count:
        rule = f'the joystick has {count}'
        raise UserError(what, number, rule, [str(i) for i in range(count)])
