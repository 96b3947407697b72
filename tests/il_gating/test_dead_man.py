"""The dead-man under `hg_dagger`: who holds it has the robot, whatever came between."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.types import Cause, Mode, Press
from il_gating.core import GateOutput
from il_gating.gates.hg_dagger import HgDagger
from tests.il_gating.rig import HUMAN, Rig
from tests.toy import toy_spec

H, A, S = Mode.HOLD, Mode.AUTONOMOUS, Mode.SUPERVISOR
PAPER: dict[str, object] = {'handover': 'instant', 'hand_back_ticks': 1, 'auto_return': True}


def at(output: GateOutput) -> tuple[Mode, Cause]:
    return output.state.mode, output.state.cause


def by_dead_man(**config: object) -> Rig:
    """A human who drives under `hg_dagger` since the last tick."""
    rig = Rig(HgDagger(toy_spec()), **config)
    rig.start()
    rig.engaged = True
    assert at(rig.tick()) == (S, Cause.HUMAN_REQUEST)
    return rig


@pytest.mark.parametrize('config', [PAPER, {}], ids=['paper', 'nodes'])
def test_a_dead_man_that_is_held_again_right_after_the_hand_back_takes_over(
    config: dict[str, object],
) -> None:
    rig = by_dead_man(**config)
    rig.engaged = False
    assert rig.tick(n=rig.config.hand_back_ticks).state.mode is A
    rig.engaged = True
    assert at(rig.tick()) == (S, Cause.HUMAN_REQUEST)


@pytest.mark.parametrize('blind', [0, 2])
def test_a_release_by_button_counts_also_in_the_tick_after_the_take_over(blind: int) -> None:
    """Or in the first at which the gate is asked again."""
    rig = by_dead_man()
    rig.proposals = False
    rig.tick(n=blind)
    rig.proposals = True
    assert at(rig.tick(press=Press.RELEASE)) == (A, Cause.HUMAN_RELEASE)
    assert rig.tick(n=5).state.mode is A, 'until it is let go of'
    rig.engaged = False
    rig.tick()
    rig.engaged = True
    assert rig.tick().state.mode is S


@pytest.mark.parametrize('lost', ['observation', 'action'])
def test_a_human_who_lost_the_robot_for_a_moment_keeps_it_under_the_held_dead_man(
    lost: str,
) -> None:
    rig = by_dead_man(auto_return=True)
    rig.tick()
    if lost == 'observation':
        rig.proposals = False
        rig.tick(n=6)
        rig.proposals = True
    else:
        rig.human = np.full(3, np.nan)
        rig.tick()
        rig.human = HUMAN
    assert rig.outputs[-1].state.mode is H
    assert at(rig.tick()) == (S, Cause.OPERATOR_READY)
    assert rig.tick(n=10).state.mode is S
