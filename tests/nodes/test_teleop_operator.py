"""OperatorNode, and TeleopNode behind it, as processes in lockstep."""

from __future__ import annotations

import signal

import numpy as np
import pytest

from il_core.types import ExpertAction, Mode
from il_teleop.mapping import load_joystick
from tests.nodes.teleop_stand import Others

pytestmark = pytest.mark.ros
OPEN = np.array([0.0, 0.0, 0.0, 0.08])


@pytest.fixture
def lockstep():
    others = Others(lockstep=True)
    yield others
    others.close()


def answer(others: Others, stamp_ns: int, mode: Mode) -> None:
    """What a gate publishes about one tick, in the least helpful order."""
    others.status(stamp_ns, mode)
    others.command(stamp_ns, OPEN)
    others.proposal(stamp_ns, OPEN)


def connect(others: Others, action) -> int:
    """Do as a simulator that nobody answers: go on until a whole turn comes through. Returns its
    stamp."""
    stamps = [1000]

    def advise():
        stamps.append(stamps[-1] + 1000)
        others.supervisor(ExpertAction(stamps[-1], action, True))

    def through():
        got = others.last('teleop/action')
        return got and got.stamp_ns == stamps[-1]

    assert others.spin(through, every=advise, every_s=0.3)
    return stamps[-1]


def test_in_lockstep_the_operator_acts_on_what_followed_its_last_move(lockstep):
    lockstep.start('il_teleop.experts.node', 'policy/proposal', style='on_request')
    lockstep.start('il_teleop.node', 'joy', joystick='scripted')
    want = np.array([0.013, -0.02, 0.007, 0.0])
    before = connect(lockstep, want)
    got = lockstep.heard['teleop/action']
    got.clear()
    lockstep.supervisor(ExpertAction(before + 1000, want, True))
    answer(lockstep, before, Mode.REQUESTING)
    assert lockstep.spin(lambda: got)
    assert (got[0].stamp_ns, got[0].engaged) == (before + 1000, True)
    assert got[0].action == pytest.approx(want, abs=1e-8)
    assert got[0].action.tolist() != want.tolist(), 'it went through float32 on the way'
    answer(lockstep, before + 1000, Mode.AUTONOMOUS)
    lockstep.supervisor(ExpertAction(before + 2000, want, True))
    assert lockstep.spin(lambda: len(got) == 2)
    assert (got[1].stamp_ns, got[1].engaged) == (before + 2000, False)


def test_in_lockstep_a_message_that_cannot_be_read_is_answered_all_the_same(lockstep):
    lockstep.start('il_teleop.node', 'joy', joystick='scripted')
    got, stamps = lockstep.heard['teleop/action'], [1000]
    dead_man = load_joystick('scripted').dead_man.hold.button

    def say(axes):
        stamps.append(stamps[-1] + 1000)
        lockstep.joystick(axes, dead_man, stamp_ns=stamps[-1])

    assert lockstep.spin(lambda: got and got[-1].engaged, every=lambda: say([0.0] * 4))
    got.clear()
    assert lockstep.spin(lambda: len(got) > 5, every=lambda: say([])), 'the gate would wait'
    assert got[-1].stamp_ns in stamps
    assert (got[-1].action, got[-1].engaged) == (None, True), 'it is not let go'


def test_an_operator_asked_to_stop_ends_well(lockstep):
    process = lockstep.start('il_teleop.experts.node', 'policy/proposal')
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
