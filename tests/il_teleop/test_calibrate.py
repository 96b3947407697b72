"""Calibration: what a hand does on a joystick, and the mapping that comes of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.types import Command, Mode, Owner, Press
from il_teleop.api import JoyState
from il_teleop.device.dialogue import Dialogue, questions
from il_teleop.device.events import Device
from il_teleop.device.mapping_file import check_target, mapping_text, write_mapping
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from tests.il_teleop.specs import spec_of

STEP_NS = 20_000_000
# As an Xbox pad: axes 2 and 5 are triggers, which rest at 1 and end at -1.
REST = (0.02, 0.0, 1.0, -0.03, 0.0, 1.0, 0.0, 0.0)
DEVICE = Device(0, 'Bench Pad', REST[:6], 11, 1)


class Hand:
    """Moves a joystick in front of a dialogue, and reads what it says."""

    def __init__(self, *names: str) -> None:
        self.spec = spec_of(*names)
        self.dialogue, self.now_ns = Dialogue(self.spec), 0
        self.do()
        self.wait(1.2)

    def do(self, *buttons: int, ms: int = 20, **axes: float) -> str:
        """Hold buttons and axes (`a3=-1.0`) for a while, then let go."""
        values = list(REST)
        for name, value in axes.items():
            values[int(name[1:])] = value
        down = tuple(int(i in buttons) for i in range(11))
        held = [self._feed(tuple(values), down) for _ in range(max(ms * 1_000_000 // STEP_NS, 1))]
        let_go = [self._feed(REST, (0,) * 11) for _ in range(10)]
        return '; '.join(filter(None, [*held, *let_go]))

    def push(self, *buttons: int, **axes: float) -> str:
        return self.do(*buttons, ms=500, **axes)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 1e9 / STEP_NS)):
            self._feed(REST, (0,) * 11)

    def skip_presses(self) -> None:
        while self.dialogue.prompt:
            assert self.dialogue.skip() == ''

    def _feed(self, axes: tuple[float, ...], buttons: tuple[int, ...]) -> str:
        self.now_ns += STEP_NS
        return self.dialogue.feed(JoyState(self.now_ns, axes, buttons), self.now_ns)

    def mapping(self, tmp_path):
        path = tmp_path / 'bench.yaml'
        write_mapping(path, mapping_text(self.dialogue.mapping(), DEVICE, self.spec), self.spec)
        return load_joystick(str(path))


def test_a_whole_calibration_drives_the_robot_as_the_hand_said(tmp_path):
    hand = Hand('x', 'gripper')
    assert hand.dialogue.prompt.startswith('dead-man')
    assert hand.push(5) == 'dead-man: button 5'
    assert hand.dialogue.prompt.startswith('x: push a stick to where x grows (forward)')
    assert hand.push(a1=-0.95) == 'x: axis 1 towards -'
    assert hand.do(0) == 'gripper: button 0', 'a tap is enough'
    for i, name in enumerate(['takeover', 'release', 'success', 'failure', 'discard', 'estop']):
        assert hand.dialogue.prompt.startswith(name)
        assert hand.do((4, 7, 3, 2, 6, 1)[i]).startswith(f'{name}: button')
    assert hand.dialogue.prompt == ''
    mapper = JoystickMapper(hand.mapping(tmp_path), hand.spec)
    mapper.sync(Command(0, 0, np.array([0.0, 0.0]), Mode.AUTONOMOUS, Owner.POLICY))
    buttons = tuple(int(i in (5, 0, 4)) for i in range(11))
    expert = mapper.update(JoyState(0, (0.0, -1.0, *REST[2:]), buttons))
    assert expert.engaged
    assert expert.action == pytest.approx([0.1, 0.08])
    assert expert.presses[Press.TAKEOVER] == 1


def test_a_trigger_can_be_the_dead_man(tmp_path):
    hand = Hand('x')
    assert hand.push(a5=-1.0) == 'dead-man: axis 5 towards -'
    hand.push(a1=1.0)
    hand.skip_presses()
    mapper = JoystickMapper(hand.mapping(tmp_path), hand.spec)
    for trigger, engaged in ((1.0, False), (0.2, False), (-0.2, True), (-1.0, True)):
        joy = JoyState(0, (*REST[:5], trigger), (0,) * 11)
        assert mapper.update(joy).engaged is engaged


@pytest.mark.parametrize('buttons', [(6,), ()], ids=['with its button', 'without'])
def test_a_trigger_at_rest_drives_nothing(buttons):
    """It would drive at full speed while nobody touches it."""
    hand = Hand('v')
    hand.push(5)
    assert 'rests at +1.0, it would drive by itself' in hand.push(*buttons, a2=-1.0)
    assert hand.push(a3=1.0) == 'v: axis 3 towards +'


def test_a_trigger_that_is_a_button_too_is_a_button_where_one_is_asked_for():
    hand = Hand('x')
    assert hand.push(6, a2=-1.0) == 'dead-man: button 6'


def test_two_at_once_are_no_answer():
    hand = Hand('x')
    assert 'button 4 and button 5 at once: only one' in hand.push(4, 5)
    hand.push(5)
    assert 'axis 1 towards + and axis 0 at once: only one' in hand.push(a1=0.9, a0=-0.8)
    assert hand.push(a1=0.9, a0=-0.2) == 'x: axis 1 towards +', 'a little askew is one'


def test_an_input_is_taken_once():
    hand = Hand('x', 'v')
    hand.push(5)
    hand.push(a1=1.0)
    assert hand.push(a1=-1.0) == 'axis 1 towards - is x already: another one, please'
    assert hand.push(5) == 'button 5 is dead-man already: another one, please'
    assert hand.push(a0=1.0) == 'v: axis 0 towards +'
    assert hand.push(5) == 'button 5 is dead-man already: another one, please'


def test_a_short_or_weak_push_of_a_stick_says_nothing():
    hand = Hand('x')
    hand.push(5)
    assert hand.do(a1=1.0, ms=100) == ''
    assert hand.push(a1=0.4) == ''
    assert hand.dialogue.prompt.startswith('x')


def test_what_is_still_held_is_no_answer_to_the_next_question():
    hand = Hand('x')
    assert hand.push(5) == 'dead-man: button 5'
    assert hand.dialogue.prompt.startswith('x'), 'the same hold was not asked twice'


def test_two_buttons_drive_an_axis(tmp_path):
    hand = Hand('x')
    hand.push(5)
    assert hand.push(2) == 'x: button 2'
    assert hand.dialogue.prompt == 'x: press the button for the other way'
    assert 'is not a button' in hand.push(a1=1.0)
    assert hand.push(3) == 'x: button 3'
    hand.skip_presses()
    mapper = JoystickMapper(hand.mapping(tmp_path), hand.spec)
    for button, x in ((2, 0.1), (3, -0.1)):
        joy = JoyState(0, REST, tuple(int(i == button) for i in range(11)))
        assert mapper.update(joy).action == pytest.approx([x])


def test_every_kind_of_axis_is_bound(tmp_path):
    hand = Hand('x', 'v', 'arm', 'gripper', 'gear')
    hand.push(5)
    hand.push(a0=1.0)
    hand.push(a1=-1.0)
    assert 'is a position, which only a stick can give' in hand.push(2)
    hand.push(a3=1.0)
    hand.push(a2=-1.0)
    hand.push(a6=-1.0)
    hand.skip_presses()
    mapper = JoystickMapper(hand.mapping(tmp_path), hand.spec)
    joy = JoyState(0, (1.0, -1.0, -1.0, 1.0, 0.0, 1.0, -1.0, 0.0), (0,) * 11)
    expected = [0.1, 2.0, 3.0, 0.08, 3.0]
    np.testing.assert_allclose(mapper.update(joy).action, expected, rtol=1e-6)


def test_axes_and_dead_man_are_needed_presses_are_not(tmp_path):
    hand = Hand('x')
    assert hand.dialogue.skip() == 'dead-man is needed'
    hand.push(5)
    assert hand.dialogue.skip() == 'x is needed'
    hand.push(a1=1.0)
    assert hand.dialogue.skip() == ''
    hand.wait(0.1)
    assert hand.do(3) == 'release: button 3'
    hand.skip_presses()
    assert hand.mapping(tmp_path).buttons.numbers() == {Press.RELEASE: 3}


def test_the_dead_zone_covers_what_trembles():
    hand = Hand('x')
    dialogue = hand.dialogue = Dialogue(hand.spec)
    wobble = itertools.cycle((0.04, 0.12))
    while dialogue.prompt == 'let go of everything':
        hand._feed((next(wobble), *REST[1:]), (0,) * 11)
        assert hand.now_ns < 60e9
    hand.push(5)
    hand.push(a0=1.0)
    assert dialogue.mapping()['axes'][0]['dead_zone'] == pytest.approx(0.16)


def test_rest_is_measured_only_while_nobody_touches_it():
    hand = Hand('x')
    dialogue = hand.dialogue = Dialogue(hand.spec)
    for _ in range(10):
        hand.do(3, ms=400)
        hand.do(a1=0.8, ms=400)
    assert dialogue.prompt == 'let go of everything'
    hand.wait(1.1)
    assert dialogue.prompt.startswith('dead-man')


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path, spec = tmp_path / 'pad.yaml', spec_of('x')
    with pytest.raises(UserError, match='nothing drives this action axis'):
        write_mapping(path, 'dead_man: {hold: {button: 5}}', spec)
    assert list(tmp_path.iterdir()) == []
    path.write_text('mine')
    with pytest.raises(UserError, match='exists already; --force'):
        check_target(path, force=False)
    check_target(path, force=True)
    with pytest.raises(UserError, match='must end in'):
        check_target(tmp_path / 'pad', force=False)
    with pytest.raises(UserError, match='there is no folder'):
        check_target(tmp_path / 'no' / 'pad.yaml', force=False)
    assert path.read_text() == 'mine'


@pytest.mark.parametrize('task', ['reach', 'peg_insert'])
def test_the_robots_that_ship_can_be_calibrated(task):
    asked = questions(load_spec(task))
    assert [q.name for q in asked][1:-6] == list(load_spec(task).axis_names)
