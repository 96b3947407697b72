"""What the campaign of faults calls unsafe: by when the robot was told, not anybody else."""

from __future__ import annotations

import numpy as np
import pytest
from faults_judge import Judge

from il_core.load import load_spec
from il_core.types import Command, Mode, Owner

STALE_S = 0.2
SEEN_NS, SEEN_S = 1_000_000_000, 10.0
STILL = np.zeros(4)


@pytest.fixture
def judge():
    judge = Judge(load_spec('reach'), STALE_S)
    judge.asked(0.0)
    judge.proposed(SEEN_NS, SEEN_S)
    return judge


def command(owner, tick=1, stamp_ns=SEEN_NS):
    mode = Mode.AUTONOMOUS if owner is Owner.POLICY else Mode.HOLD
    return Command(tick, stamp_ns, STILL, mode, owner)


@pytest.mark.parametrize('told_first', [True, False])
@pytest.mark.parametrize('late_s', [0.0, 0.8])
def test_policy_whose_command_reaches_the_robot_late_is_unsafe(judge, told_first, late_s):
    if told_first:
        judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + late_s)
    judge.command(command(Owner.POLICY), SEEN_S + late_s)
    judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + late_s)
    assert len(judge.unsafe) == (late_s > 0)


def test_a_gate_that_is_stopped_after_it_told_the_robot_is_not_unsafe(judge):
    judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + 0.01)
    judge.command(command(Owner.POLICY), SEEN_S + 0.8)
    assert not judge.unsafe


def test_what_stands_with_the_stamp_of_old_is_not_unsafe(judge):
    for k in range(10):
        judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + 0.05 * k)
        judge.command(command(Owner.POLICY if k < 4 else Owner.NOBODY), SEEN_S + 0.05 * k)
    assert not judge.unsafe


def test_a_proposal_that_comes_when_the_gate_holds_is_not_unsafe():
    judge = Judge(load_spec('reach'), STALE_S)
    judge.command(command(Owner.POLICY, stamp_ns=SEEN_NS - 1), SEEN_S - 0.05)
    for owner in (Owner.POLICY, Owner.NOBODY):  # nothing new came: the tick is the same
        judge.command(command(owner), SEEN_S)
    judge.proposed(SEEN_NS, SEEN_S)
    judge.robot(STILL, 'servo/twist', SEEN_NS, SEEN_S + 0.8)
    judge.command(command(Owner.NOBODY, tick=2), SEEN_S + 0.8)
    assert not judge.unsafe
