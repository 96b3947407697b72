"""What an operator does with a joystick, and what a broken message does."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Command, Mode, Owner, Press
from il_teleop.api import JoyState
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from tests.il_teleop.specs import mapping, spec_of
from tests.toy import toy_spec

RB, A, LB = 5, 0, 4


def xbox(axes: dict[int, float] | None = None, *down: int, stamp_ns: int = 0) -> JoyState:
    values = [0.0] * 8
    for number, value in (axes or {}).items():
        values[number] = value
    return JoyState(stamp_ns, tuple(values), tuple(int(i in down) for i in range(11)))


def sent(gripper: float, owner: Owner = Owner.POLICY) -> Command:
    return Command(0, 0, np.array([0.0, 0.0, gripper]), Mode.AUTONOMOUS, owner)


def xbox_mapper(gripper: float | None = 0.08) -> JoystickMapper:
    mapper = JoystickMapper(load_joystick('xbox'), toy_spec())
    if gripper is not None:
        mapper.sync(sent(gripper))
    return mapper


def test_left_stick_forward_drives_x_forward_while_rb_is_held():
    mapper = xbox_mapper()
    got = mapper.update(xbox({1: 1.0}, RB, stamp_ns=7))
    assert (got.engaged, got.stamp_ns, got.source) == (True, 7, 'joystick')
    assert got.action.tolist() == [0.1, 0.0, 0.08]
    assert not mapper.update(xbox({1: 1.0})).engaged


def test_a_stick_within_the_dead_zone_does_nothing_and_starts_smoothly_behind_it():
    mapper = xbox_mapper()
    assert mapper.update(xbox({1: 0.0999, 0: -0.0999})).action[:2].tolist() == [0.0, 0.0]
    assert 0 < mapper.update(xbox({1: 0.101})).action[0] < 1e-4


def test_axes_are_rounded_to_float32_as_on_the_wire():
    mapper = JoystickMapper(load_joystick('scripted'), toy_spec())
    wire = float(np.float32(0.3))
    assert wire != 0.3
    exact = mapper.update(JoyState(0, (0.3, 0.0, 0.0), (0,) * 7)).action
    assert exact[0] == wire * 0.1


def test_gripper_toggles_from_the_last_sent_value_and_keeps_it():
    mapper = xbox_mapper(gripper=0.08)
    grips = [mapper.update(xbox({}, RB, *down)).action[2] for down in ([], [A], [A], [], [A], [])]
    assert grips == [0.08, 0.0, 0.0, 0.0, 0.08, 0.08]


def test_gripper_starts_at_take_over_where_the_policy_left_it():
    mapper = xbox_mapper(gripper=0.08)
    mapper.update(xbox({}, RB, A))
    mapper.sync(sent(0.05, Owner.HUMAN))
    assert mapper.update(xbox({}, RB)).action[2] == 0.0, 'a ramp is not what the human wants'
    mapper.sync(sent(0.03, Owner.POLICY))
    assert mapper.update(xbox({}, RB)).action[2] == 0.03


def test_gripper_gives_no_action_before_anyone_knows_where_it_is():
    mapper = xbox_mapper(gripper=None)
    got = mapper.update(xbox({}, RB))
    assert (got.action, got.engaged) == (None, True)
    assert 'gripper' in mapper.fault
    assert mapper.readable
    mapper.sync(sent(0.02))
    assert mapper.update(xbox({}, RB)).action is not None
    assert mapper.fault == ''


def test_a_command_of_other_axes_is_refused_and_changes_nothing():
    mapper = xbox_mapper(gripper=0.08)
    short = Command(0, 0, np.zeros(2), Mode.AUTONOMOUS, Owner.POLICY)
    with pytest.raises(UserError, match='size of the command is 2: must have the axes x, y, g'):
        mapper.sync(short)
    assert mapper.update(xbox({}, RB)).action[2] == 0.08


def test_a_button_held_over_many_messages_is_one_press():
    mapper = xbox_mapper()
    downs = [[LB], [LB], [], [LB], [3], []]
    got = [mapper.update(xbox({}, *down)).presses for down in downs]
    assert [p[Press.TAKEOVER] for p in got] == [1, 1, 1, 2, 2, 2]
    assert got[-1] == (2, 0, 1, 0, 0, 0)


def test_toggled_dead_man_ends_when_the_independent_one_is_let_go():
    dead_man = {'mode': 'toggle', 'toggle_button': 1, 'hold': {'button': 0}}
    mapper = JoystickMapper(
        mapping({'action': 'x', 'joy_axis': 0}, dead_man=dead_man), spec_of('x')
    )
    frames = [(1, 0), (1, 1), (1, 0), (0, 0), (1, 0), (1, 1), (1, 0), (1, 1), (0, 1)]
    got = [mapper.update(JoyState(0, (0.0,), buttons)).engaged for buttons in frames]
    assert got == [False, True, True, False, False, True, True, False, False]


@pytest.mark.parametrize(
    ('joy', 'words'),
    [
        (
            JoyState(0, (0.0,) * 1, (1,) * 11),
            'joy has 1 axes, mapping xbox needs 2: number 1 is x',
        ),
        (JoyState(0, (0.0,) * 8, (1,) * 3), 'joy has 3 buttons, mapping xbox needs 8: number 3'),
        (JoyState(0, (), ()), 'joy has 0 axes'),
        (JoyState(0, (0.0, float('nan'), *(0.0,) * 6), (1,) * 11), 'joy axis 1 is nan'),
    ],
)
@pytest.mark.parametrize('held', [True, False])
def test_a_broken_message_is_named_and_says_nothing_about_the_dead_man(joy, words, held):
    mapper = xbox_mapper()
    before = mapper.update(xbox({}, *([RB, LB] if held else [LB])))
    got = mapper.update(joy)
    assert (got.action, got.engaged, got.presses) == (None, held, before.presses)
    assert words in mapper.fault
    assert not mapper.readable
    assert mapper.update(xbox({}, RB)).engaged
    assert (mapper.fault, mapper.readable) == ('', True)
