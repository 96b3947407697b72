"""What the campaign of faults calls unsafe: by when the robot was told, not anybody else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from faults_judge import Judge

from il_core.load import load_spec
from il_core.types import Cause, GateState, Mode, Owner

STALE_S = 0.2
SEEN_NS, SEEN_S = 1_000_000_000, 10.0
STILL = np.zeros(4)


@pytest.fixture
def judge():
    judge = Judge(load_spec('reach'), STALE_S)
    judge.asked(0.0)
    judge.proposed(SEEN_NS, SEEN_S)
    return judge


def status(owner, stamp_ns=SEEN_NS):
    mode = Mode.AUTONOMOUS if owner is Owner.POLICY else Mode.HOLD
    return GateState(1, stamp_ns, mode, owner, Cause.START)


@pytest.mark.parametrize('order', list(itertools.permutations(range(2))))
@pytest.mark.parametrize('late_s', [0.0, 0.8])
def test_policy_whose_command_reaches_the_robot_late_is_unsafe(judge, order, late_s):
    sent_s = SEEN_S + late_s
    said = (
        lambda: judge.state(status(Owner.POLICY), sent_s),
        lambda: judge.robot(STILL, 'servo/twist', SEEN_NS, sent_s),
    )
    for i in order:
        said[i]()
    assert len(judge.unsafe) == (late_s > 0)


def test_a_gate_that_is_stopped_after_it_told_the_robot_is_not_unsafe(judge):
    judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + 0.01)
    judge.state(status(Owner.POLICY), SEEN_S + 0.8)
    assert not judge.unsafe


def test_what_holds_with_the_stamp_of_old_is_not_unsafe(judge):
    for k in range(10):
        judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + 0.05 * k)
        judge.state(status(Owner.POLICY if k < 4 else Owner.NOBODY), SEEN_S + 0.05 * k)
    judge.robot(STILL, 'servo/twist', 0, SEEN_S + 1.0)
    assert not judge.unsafe
