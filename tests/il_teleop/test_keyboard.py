"""Key strokes, as a terminal sends them, seen from the other end of the joystick."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.spec import Axis, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import (
    NS_PER_S,
    AxisKind,
    Cause,
    Command,
    ExpertAction,
    GateState,
    Mode,
    Owner,
    Press,
)
from il_teleop.joystick import JoystickMapper
from il_teleop.keyboard.core import Keyboard, KeyboardConfig
from il_teleop.keyboard.keys import Decoder
from il_teleop.keyboard.screen import status_line
from il_teleop.mapping import load_joystick
from tests.il_teleop.specs import spec_of
from tests.toy import toy_spec

UP, DOWN, RIGHT, LEFT = b'\x1b[A', b'\x1b[B', b'\x1b[C', b'\x1b[D'
FRAME_S = 1 / 30


class Desk:
    """A keyboard, the joystick it plays, and its reader; time moves when a test says so."""

    def __init__(
        self, spec: Spec | None = None, layout: str = 'keyboard', **config: float
    ) -> None:
        spec = spec or toy_spec()
        self.keyboard = Keyboard(spec, load_joystick(layout), KeyboardConfig(**config))
        self.mapper = JoystickMapper(load_joystick(layout), spec)
        self.now_s = 100.0

    def sent(self, *action: float, owner: Owner = Owner.POLICY) -> None:
        command = Command(0, 0, np.array(action), Mode.AUTONOMOUS, owner)
        self.keyboard.sync(command)
        self.mapper.sync(command)

    def key(self, data: bytes = b'', after_s: float = FRAME_S) -> ExpertAction:
        """Let time pass, type, and return what teleop makes of the next message."""
        self.now_s += after_s
        now_ns = round(self.now_s * NS_PER_S)
        self.keyboard.feed(data, now_ns)
        return self.mapper.update(self.keyboard.joy(now_ns, now_ns))


def ready(**config: float) -> Desk:
    desk = Desk(**config)
    desk.sent(0.0, 0.0, 0.08)
    return desk


def test_an_arrow_moves_its_axis_for_a_moment_and_then_stops():
    desk = ready(speed=0.5, tap_s=0.1)
    desk.key(b' ')
    assert desk.key(UP).action.tolist() == pytest.approx([0.05, 0.0, 0.08])
    assert desk.key(after_s=0.09).action[0] == pytest.approx(0.05)
    assert desk.key(after_s=0.05).action[0] == 0.0


def test_a_held_arrow_moves_on_between_repeats_and_its_opposite_turns_at_once():
    desk = ready(speed=1.0)
    desk.key(b' ')
    desk.key(LEFT)
    desk.key(LEFT, after_s=0.5)
    for _ in range(10):
        assert desk.key(LEFT, after_s=0.15).action[1] == pytest.approx(0.1)
    assert desk.key(RIGHT).action[1] == pytest.approx(-0.1)


def test_space_toggles_the_dead_man_and_no_key_ends_it():
    desk = ready(dead_man_timeout_s=3.0)
    assert not desk.key().engaged
    assert desk.key(b' ').engaged
    assert not desk.key(b' ', after_s=1.0).engaged
    assert desk.key(b' ', after_s=1.0).engaged
    assert desk.key(UP, after_s=2.9).engaged
    assert desk.key(after_s=2.9).engaged
    assert not desk.key(after_s=0.2).engaged
    assert not desk.key(UP).engaged, 'another key does not bring it back'


def test_a_held_space_key_ends_off_and_a_quick_second_stroke_lets_go():
    desk = ready()
    strokes = [desk.key(b' ', after_s=gap).engaged for gap in (5.0, 0.5, 0.03, 0.03, 0.03)]
    assert strokes == [True, False, False, False, False]
    assert desk.key(b' ', after_s=2.0).engaged
    assert not desk.key(b' ', after_s=0.1).engaged


@pytest.mark.parametrize('layout', ['keyboard', 'scripted'])
def test_the_gripper_goes_to_its_other_end_and_stays_there(layout):
    desk = Desk(layout=layout)
    desk.sent(0.0, 0.0, 0.08)
    desk.key(b' ')
    desk.key(b'g')
    desk.sent(0.0, 0.0, 0.05, owner=Owner.HUMAN)
    assert [desk.key().action[2] for _ in range(3)] == pytest.approx([0.0] * 3)
    assert desk.key(b'g', after_s=1.0).action[2] == pytest.approx(0.08)
    desk.sent(0.0, 0.0, 0.02)
    assert desk.key().action[2] == pytest.approx(0.02)


def test_the_dead_man_stays_off_until_the_gripper_is_known():
    desk = Desk()
    assert not desk.key(b' ').engaged
    assert '?' in status_line(desk.keyboard, None, 0, 79)
    desk.sent(0.0, 0.0, 0.08)
    assert desk.key().engaged


def test_a_narrow_terminal_shows_mode_and_episode_and_cuts_the_reason():
    desk = Desk(load_spec('reach'))
    desk.sent(0.0, 0.0, 0.0, 0.08)
    name, why = '20261122T210000_0007', 'the policy is not sure any longer'
    state = GateState(0, 1, Mode.SUPERVISOR, Owner.HUMAN, Cause.START, why, name)
    wide = status_line(desk.keyboard, state, 0, 140)
    assert f'| SUPERVISOR | {name} | x ' in wide
    assert wide.endswith(f'gripper +0.080 | {why}')
    narrow = status_line(desk.keyboard, state, 0, 79)[:79]
    assert '| SUPERVISOR | …0007 | x ' in narrow
    assert 'gripper +0.080' in narrow


def test_every_press_key_is_one_press_also_when_it_is_held():
    desk = ready()
    for i, key in enumerate(b'tryn'):
        for gap in (1.0, 0.5, 0.03, 0.03):
            got = desk.key(bytes([key]), after_s=gap)
        assert got.presses == tuple(int(j <= i) for j in range(6)), chr(key)


def test_keys_typed_between_two_messages_are_all_heard():
    desk = ready()
    desk.key(b'tde' + UP[:1])
    got = desk.key(UP[1:])
    assert got.action[0] > 0
    for _ in range(6):
        got = desk.key()
    assert [got.presses[p] for p in (Press.TAKEOVER, Press.DISCARD, Press.ESTOP)] == [1, 1, 1]


@pytest.mark.parametrize('key', [b'r', b'e', b'q'])
def test_release_stop_and_quit_let_go_of_the_dead_man(key):
    desk = ready()
    assert desk.key(b' ').engaged
    assert not desk.key(key).engaged
    assert desk.keyboard.quit is (key == b'q')


def test_a_discrete_axis_takes_digits_and_arrows_and_rests_at_idle():
    desk = Desk(spec_of('gear'))
    desk.key(b' ')
    assert [desk.key(b'%d' % n).action[0] for n in range(4)] == [0, 1, 2, 3]
    assert desk.key(b'9').action[0] == 3
    assert desk.key(DOWN).action[0] == 0
    assert desk.key(after_s=0.5).action[0] == 1, 'the idle value of the axis'


def test_a_position_axis_steps_from_where_it_was_sent_and_stays_in_range():
    desk = Desk(spec_of('arm'))
    desk.sent(2.95)
    desk.key(b' ')
    assert [desk.key(k).action[0] for k in (DOWN, b'', UP, UP)] == pytest.approx(
        [2.87, 2.87, 2.95, 3.0], abs=1e-6
    )


def test_what_is_no_key_is_dropped():
    assert Decoder().feed(b'\x1b[15~\x00\xff\xc3\xa9A\x1bOB\x1b[1;5C\x1bx\x1b') == [
        '\x00',
        'a',
        'down',
        'right',
        'x',
    ]


def test_every_axis_and_press_is_in_the_help():
    spec = toy_spec()
    text = '\n'.join(Desk(spec).keyboard.layout.help(spec))
    for word in (*spec.axis_names, *(press.name.lower() for press in Press), 'quit', 'dead-man'):
        assert word in text


def test_a_robot_with_more_axes_than_keys_is_refused():
    axes = tuple(Axis(f'j{i}', AxisKind.VELOCITY, -1, 1) for i in range(9))
    robot = RobotSpec('centipede', 20.0, axes, (Stream('joint_states', 'joint_state', ('j0',)),))
    with pytest.raises(UserError, match='moving axes of centipede is 9: the keyboard has 8'):
        Desk(Spec(robot, TaskSpec('t', 'centipede', 1.0)))


def test_bad_numbers_are_refused():
    for bad in ({'speed': 0.0}, {'speed': 1.5}, {'tap_s': 0.0}, {'dead_man_timeout_s': -1.0}):
        with pytest.raises(UserError, match=f'keyboard: {next(iter(bad))}'):
            KeyboardConfig(**bad)
