"""KeyboardNode on a pseudo terminal, as a process."""

from __future__ import annotations

import os
import pty
import termios

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Command, Mode, Owner
from il_ros.topics import TOPICS, create_subscription
from il_teleop.keyboard.node import KeyboardNode
from il_teleop.keyboard.terminal import Terminal
from tests.nodes.teleop_stand import Others, start

pytestmark = pytest.mark.ros
OPEN = np.array([0.0, 0.0, 0.0, 0.08])
LFLAG = 3


@pytest.fixture
def others():
    others = Others()
    yield others
    others.close()


@pytest.fixture
def tty():
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    yield master, slave
    os.close(master)
    os.close(slave)


def shown(master: int) -> str:
    """Return what stands on the screen since the last look."""
    try:
        return os.read(master, 65536).decode()
    except BlockingIOError:
        return ''


def test_a_session_at_the_keyboard(others, tty):
    master, slave = tty
    before = termios.tcgetattr(slave)
    process = others.start('il_teleop.keyboard.node', 'command', terminal=os.ttyname(slave))
    screen = []

    def look():
        screen.append(shown(master))
        others.command(1, OPEN)

    def joy(number):
        return lambda: others.heard['joy'] and others.heard['joy'][-1].buttons[number] == 1

    assert others.spin(lambda: 'x +0.000' in ''.join(screen), every=look)
    assert not termios.tcgetattr(slave)[LFLAG] & termios.ECHO
    assert 'up / down: x + / -' in ''.join(screen)
    os.write(master, b' ')
    assert others.spin(joy(0), every=look), 'space holds the dead-man'
    os.write(master, b'\x1b[A')
    assert others.spin(lambda: any(m.axes[0] == 0.5 for m in others.heard['joy']), every=look)
    os.write(master, b'y')
    assert others.spin(lambda: any(m.buttons[3] for m in others.heard['joy']), every=look)
    os.write(master, b'q')
    assert others.spin(lambda: process.poll() is not None, every=look)
    assert process.returncode == 0
    assert others.heard['joy'][-1].buttons[0] == 0, 'it let go before it went'
    assert termios.tcgetattr(slave)[LFLAG] == before[LFLAG], 'the terminal is as it was'


def test_what_is_typed_during_a_pause_does_nothing(stand, tty):
    master, slave = tty
    node = stand.add(KeyboardNode, task='reach', terminal=os.ttyname(slave))
    assert node.autostart()
    os.write(master, b' ')
    node.keyboard.sync(Command(1, 1, OPEN, Mode.HOLD, Owner.NOBODY))
    assert stand.spin(lambda: node.keyboard.engaged(node.steady_ns()))
    node.trigger_deactivate()
    os.write(master, b't\x1b[Aq')
    node.trigger_activate()
    heard = []
    create_subscription(stand.hand, TOPICS['joy'], heard.append)
    assert stand.spin(lambda: len(heard) > 5)
    assert not any(any(m.axes) or any(m.buttons) for m in heard)
    assert node.exit_code is None


def test_what_is_no_terminal_is_not_kept_open():
    before = len(os.listdir('/proc/self/fd'))
    with pytest.raises(UserError, match='needs a terminal window'):
        Terminal('/dev/null')
    assert len(os.listdir('/proc/self/fd')) == before


def test_without_a_terminal_it_says_what_it_needs():
    process = start('il_teleop.keyboard.node', terminal='/dev/null')
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert 'needs a terminal window of its own' in output
