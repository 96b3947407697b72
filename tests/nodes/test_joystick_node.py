"""JoystickNode as a process, on SDL's virtual joystick, over real topics."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time

import pytest

from il_ros.rules import arguments
from tests.nodes.teleop_stand import Others, start

pytest.importorskip('pygame')
pytestmark = pytest.mark.ros

LEFT_Y, TRIGGER = 1, 4
LB, RB, A = 4, 5, 0


class Pad:
    """A JoystickNode in its own process, and the pad in it."""

    def __init__(self, others: Others, **params: object) -> None:
        command = [sys.executable, '-m', 'tests.virtual_pad', '--ros-args', *arguments(params)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.others = others
        others.adopt(self.process, 'joy/set_feedback')
        assert others.spin(lambda: others.last('joy')), 'it publishes'

    def do(self, *lines: str) -> None:
        self.process.stdin.write(''.join(f'{line}\n' for line in lines))
        self.process.stdin.flush()

    def unplug(self) -> None:
        """Unplug, and wait until what was on its way has come."""
        self.others.heard['diagnostics'].clear()
        self.do('unplug')
        assert self.others.spin(lambda: any('unplugged' in m for m in self.complaints()))

    def complaints(self) -> list[str]:
        reports = self.others.heard['diagnostics']
        return [r.message for r in reports if r.name == 'joystick' and r.level == b'\x02']


@pytest.fixture
def others():
    others = Others()
    yield others
    others.close()


def presses(heard, number: int) -> int:
    downs = [joy.buttons[number] for joy in heard]
    return sum(now > then for then, now in itertools.pairwise(downs))


def test_what_the_device_does_is_what_joy_says(others):
    pad, heard = Pad(others, deadzone=0.1), others.heard['joy']
    first = heard[0]
    assert (len(first.axes), len(first.buttons), first.header.frame_id) == (8, 13, 'joy')
    assert first.axes[TRIGGER] == 1.0, 'a trigger at rest'
    pad.do('axis 1 -1.0', 'axis 0 0.05', 'hat -1 1')
    assert others.spin(lambda: list(heard[-1].axes[:2]) == [0.0, 1.0])
    assert list(heard[-1].axes[6:]) == [1.0, 1.0]
    pad.do('axis 1 -0.55')
    assert others.spin(lambda: abs(heard[-1].axes[1] - 0.5) < 1e-3), 'stretched beyond the zone'
    pad.do(*['press 0', 'let 0'] * 4)  # within the queue of the topic, 10
    assert others.spin(lambda: presses(heard, A) == 4), 'none is lost, however short'


def test_it_goes_on_at_its_rate_and_ends_soon(others):
    pad, heard = Pad(others, autorepeat_rate=50.0), others.heard['joy']
    heard.clear()
    began = time.monotonic()
    assert others.spin(lambda: len(heard) == 100)
    assert len(heard) / (time.monotonic() - began) > 20
    pad.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert pad.process.wait(10) == 0
    assert time.monotonic() - began < 3


def test_unplugged_is_silence_and_an_error_and_replugged_goes_on(others):
    pad, heard = Pad(others), others.heard['joy']
    pad.do('press 5', 'axis 1 -1.0')
    assert others.spin(lambda: heard[-1].buttons[RB] == 1)
    pad.unplug()
    count = len(heard)
    assert heard[-1].buttons[RB] == 1, 'nobody let go'
    assert not others.spin(lambda: len(heard) > count, 1.0), 'silence'
    assert 'plug it in again' in pad.complaints()[-1]
    pad.do('plug', 'press 5', 'press 4')  # held while it comes back
    assert others.spin(lambda: len(heard) > count + 10)
    assert not any(any(joy.buttons) or joy.axes[LEFT_Y] for joy in heard[count:])
    pad.do('let 5', 'press 5')
    assert others.spin(lambda: heard[-1].buttons[RB] == 1)
    assert presses(heard, LB) == 0
    assert presses(heard, RB) == 2


def test_it_rumbles_when_teleop_says_so(others):
    pad = Pad(others)
    from sensor_msgs.msg import JoyFeedback

    feedback = others.publisher('joy/set_feedback')
    for intensity in (0.5, 7.0, 0.0):
        feedback.publish(JoyFeedback(type=JoyFeedback.TYPE_RUMBLE, intensity=intensity))
    felt = []
    for line in pad.process.stdout:
        felt += [float(line.split()[1])] if line.startswith('felt') else []
        if len(felt) == 2:
            break
    assert felt == [pytest.approx(0.5, abs=0.01), 0.0]


def test_without_a_device_it_says_what_to_do_and_waits(others):
    others.start('il_teleop.device.node', 'joy/set_feedback', device_name='Pad of Theseus')

    def told():
        return any(
            "no joystick 'Pad of Theseus'" in r.message for r in others.heard['diagnostics']
        )

    assert others.spin(told)


def test_without_pygame_it_says_what_to_install(tmp_path):
    (tmp_path / 'pygame.py').write_text('raise ImportError("no module named pygame")')
    process = start('il_teleop.device.node', first=tmp_path)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert 'pip install pygame-ce' in output
