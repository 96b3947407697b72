"""A joystick moved by the inverse mapping reads as what was wanted: for any curve, axis and
dead-man."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from il_core.errors import InternalError
from il_core.share import names
from il_core.types import Command, Mode, Owner, Press
from il_teleop.hand import JoystickWriter
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from tests.il_teleop.specs import AXES, mapping, spec_of
from tests.toy import toy_spec

F32 = float(np.finfo(np.float32).eps)
QUICK = settings(max_examples=40, deadline=None)  # a loaded machine breaks deadlines
PART = st.floats(0.0, 1.0, exclude_max=True, allow_subnormal=False)


def sent(action: np.ndarray, owner: Owner = Owner.POLICY) -> Command:
    return Command(0, 0, action, Mode.AUTONOMOUS, owner)


@QUICK
@given(st.sampled_from(['x', 'v', 'arm', 'gripper']), PART, PART, PART, st.sampled_from([-1, 1]))
def test_stick_inverse_is_exact_to_float32(name, dead_zone, expo, at, sign):
    spec = spec_of(name)
    binding = {'action': name, 'joy_axis': 2, 'sign': sign, 'dead_zone': dead_zone, 'expo': expo}
    layout = mapping(binding)
    axis = AXES[name]
    wanted = axis.low + at * (axis.high - axis.low)
    got = JoystickMapper(layout, spec).update(JoystickWriter(layout, spec).write([wanted], True))
    # Rounding moves the stick by eps/2; the curve's slope is at most (1 + 2 expo)/(1 - dead_zone).
    slope = (1 + 2 * expo) / (1 - dead_zone) * max(abs(axis.low), abs(axis.high))
    assert got.action[0] == pytest.approx(wanted, abs=F32 * slope)
    assert axis.low <= got.action[0] <= axis.high
    assert got.engaged


@QUICK
@given(PART, PART, st.floats(0.01, 1.0), st.floats(-2, 2))
def test_scale_bounds_what_a_stick_can_reach(dead_zone, expo, scale, wanted):
    keys = {'dead_zone': dead_zone, 'expo': expo, 'scale': scale}
    layout, spec = mapping({'action': 'x', 'joy_axis': 0, **keys}), spec_of('x')
    got = JoystickMapper(layout, spec).update(JoystickWriter(layout, spec).write([wanted], True))
    reach = 0.1 * scale
    slope = (1 + 2 * expo) / (1 - dead_zone)
    assert got.action[0] == pytest.approx(np.clip(wanted, -reach, reach), abs=F32 * slope)


GEARS = [
    {'action': 'gear', 'joy_axis': 0},
    {'action': 'gear', 'joy_axis': 0, 'threshold': 0.4},
    {'action': 'gear', 'minus_button': 0, 'plus_button': 1, 'idle': 2},
    {
        'action': 'gear',
        'idle': 0,
        'values': [
            {'button': 3, 'value': 1},
            {'button': 5, 'value': 2},
            {'button': 2, 'value': 3},
        ],
    },
]


@pytest.mark.parametrize(
    ('binding', 'values'),
    list(zip(GEARS, [(0, 1, 2, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)], strict=True)),
)
def test_every_value_of_a_discrete_axis_comes_back(binding, values):
    layout, spec = mapping(binding), spec_of('gear')
    mapper, writer = JoystickMapper(layout, spec), JoystickWriter(layout, spec)
    for value in (*values, *reversed(values)):
        assert mapper.update(writer.write([value], True)).action.tolist() == [value]


@QUICK
@given(st.lists(st.sampled_from([0.0, 0.08]), min_size=1))
def test_latch_pair_follows_every_change(wanted):
    layout = mapping({'action': 'gripper', 'minus_button': 0, 'plus_button': 1})
    mapper, writer = (
        kind(layout, spec_of('gripper')) for kind in (JoystickMapper, JoystickWriter)
    )
    got = [mapper.update(writer.write([value], True)).action[0] for value in wanted]
    assert got == wanted


@QUICK
@given(st.lists(st.sampled_from([0.0, 0.08]), min_size=1))
def test_latch_toggle_follows_with_one_message_between_changes(wanted):
    layout = mapping({'action': 'gripper', 'toggle_button': 0})
    mapper, writer = (
        kind(layout, spec_of('gripper')) for kind in (JoystickMapper, JoystickWriter)
    )
    for end in (mapper, writer):
        end.sync(sent(np.array([0.08])))
    for value in wanted:
        assert mapper.update(writer.write([value], True)).action[0] == value
        assert mapper.update(writer.write([value], True)).action[0] == value


DEAD_MEN = [
    {'hold': {'button': 9}},
    {'hold': {'axis': 4, 'sign': -1, 'threshold': 0.2}},
    {'mode': 'toggle', 'toggle_button': 8, 'hold': {'button': 9}},
]


@pytest.mark.parametrize('dead_man', DEAD_MEN)
@QUICK
@given(wanted=st.lists(st.booleans(), min_size=1))
def test_dead_man_comes_back(dead_man, wanted):
    layout = mapping({'action': 'x', 'joy_axis': 0}, dead_man=dead_man)
    mapper, writer = JoystickMapper(layout, spec_of('x')), JoystickWriter(layout, spec_of('x'))
    got = []
    for engaged in wanted:
        for _ in range(2):  # a toggle needs its button up in between
            last = mapper.update(writer.write([0.0], engaged))
        got.append(last.engaged)
    assert got == wanted


@QUICK
@given(st.lists(st.sampled_from(list(Press))))
def test_presses_come_back_as_counts(presses):
    layout, spec = load_joystick('scripted'), toy_spec()
    mapper, writer = JoystickMapper(layout, spec), JoystickWriter(layout, spec)
    got = mapper.update(writer.write(None, False))
    for press in presses:
        mapper.update(writer.write(None, False, presses=[press]))
        got = mapper.update(writer.write(None, False))
    assert got.presses == tuple(presses.count(press) for press in Press)


@pytest.mark.parametrize('name', names('joysticks'))
def test_shipped_mappings_pass_an_action_through(name):
    layout, spec = load_joystick(name), toy_spec()
    mapper, writer = JoystickMapper(layout, spec), JoystickWriter(layout, spec)
    for end in (mapper, writer):
        end.sync(sent(np.array([0.0, 0.0, 0.08])))
    for action in ([0.03, -0.07, 0.0], [0.1, 0.0, 0.0], [-0.1, 1e-3, 0.08]):
        got = mapper.update(writer.write(action, True))
        assert got.action.tolist() == pytest.approx(action, abs=1e-7)


@pytest.mark.parametrize('action', [[float('nan'), 0.0, 0.0], [0.0, 0.0]])
def test_what_is_no_action_moves_no_joystick(action):
    writer = JoystickWriter(load_joystick('scripted'), toy_spec())
    with pytest.raises(InternalError, match='cannot move a joystick to'):
        writer.write(action, True)
