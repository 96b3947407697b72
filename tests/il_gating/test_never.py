"""What must never happen, each tried with everything that could make it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from il_core.errors import UserError
from il_core.spec import Axis, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import AxisKind, Cause, ExpertAction, Mode, Press
from il_gating.asked import Request
from tests.il_gating.rig import Rig, ScriptedGate, actions, ended, started

MIXED = Spec(
    RobotSpec(
        'mixed',
        20.0,
        (
            Axis('p', AxisKind.POSITION, -1, 1, max_rate=2.0, measured='joints/p'),
            Axis('s', AxisKind.POSITION, -1, 1, max_rate=2.0, max_accel=9.0, measured='joints/s'),
            Axis('v', AxisKind.VELOCITY, -1, 1, max_rate=4.0),
            Axis('d', AxisKind.DELTA, -0.1, 0.1, max_rate=1.0),
            Axis('g', AxisKind.LATCHED, 0, 0.08, max_rate=0.8, idle=0.08),
            Axis('n', AxisKind.DISCRETE, 0, 2, idle=1),
        ),
        (Stream('joints', 'joint_state', ('p', 's')),),
    ),
    TaskSpec('t', 'mixed', 2.0),
)
RATES = np.array([0.1, 0.1, 0.2, 0.05, 0.04])


def position_rig(spec: Spec = MIXED, **config: object) -> Rig:
    rig = Rig(spec=spec, **config)
    rig.policy = np.array([0.5, 0.5, 0.3, 0.1, 0.0, 2.0])
    rig.human = np.array([-0.5, 0.1, -0.3, 0.0, 0.08, 0.0])
    return rig


@pytest.mark.parametrize('handover', ['instant', 'request'])
@pytest.mark.parametrize('by_gate', [True, False])
def test_a_silent_joystick_never_hands_control_to_the_policy(handover: str, by_gate: bool) -> None:
    rig = Rig(handover=handover, auto_return=True, auto_resume=True, hand_back_ticks=1)
    assert isinstance(rig.gate, ScriptedGate)
    rig.start()
    rig.engaged = True
    rig.gate.human = by_gate
    rig.tick(press=None if by_gate else Press.TAKEOVER)
    assert rig.core.mode is Mode.SUPERVISOR
    rig.joystick, rig.gate.human = False, True
    rig.tick(n=7)
    assert (rig.core.mode, rig.outputs[-1].state.cause) == (Mode.HOLD, Cause.STALE_JOYSTICK)
    rig.gate.human = False
    rig.tick(Request.RELEASE)
    rig.proposals = False
    rig.tick(n=8)
    rig.proposals = True
    rig.tick(n=20)
    assert Mode.AUTONOMOUS not in rig.modes()[3:]


@pytest.mark.parametrize('handover', ['instant', 'request'])
def test_a_stop_counts_whatever_the_clock_of_the_device_it_is_pressed_on(handover: str) -> None:
    rig = Rig(handover=handover)
    rig.start()
    presses = [0] * len(Press)
    presses[Press.ESTOP] = 1
    behind = ExpertAction(rig.now_ns - 400_000_000, None, False, 'keyboard', tuple(presses))
    output = rig.core.update(rig.proposal(), behind, (), rig.now_ns)
    assert output.state.mode is Mode.ESTOP


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_human_action_that_is_no_number_holds_and_is_never_sent(bad: float) -> None:
    rig = position_rig()
    rig.supervise()
    rig.tick(n=20)
    last = actions(rig.outputs)[-1]
    rig.human = np.array([bad, 0, 0, 0, 0, 0])
    held = rig.tick(n=5)
    assert (held.state.mode, held.state.cause) == (Mode.HOLD, Cause.STALE_JOYSTICK)
    assert held.command is not None
    assert held.command.action[:2] == pytest.approx(last[:2], abs=1e-12)


@pytest.mark.parametrize(
    'fault',
    [
        {'policy': np.array([np.nan, 0, 0, 0, 0, 0])},
        {'policy': np.zeros(3)},
        {'policy_fault': 'it broke'},
        {'frame_fault': 'joints: 0.3 s old'},
        {'proposals': False},
    ],
    ids=['nan', 'size', 'policy', 'frame', 'silence'],
)
def test_a_missing_input_never_becomes_zero_on_a_position_axis(fault: dict[str, object]) -> None:
    rig = position_rig()
    rig.start()
    rig.tick(n=20)
    before = actions(rig.outputs)[-1]
    assert before[:2] == pytest.approx([0.5, 0.5])
    vars(rig).update(fault)
    held = rig.tick(n=10)
    assert held.state.mode is Mode.HOLD
    assert held.command is not None
    assert held.command.action.tolist() == [*before[:2], 0.0, 0.0, before[4], 1.0]


def test_a_stale_frame_yields_no_command_of_the_policy_not_even_for_one_tick() -> None:
    rig = position_rig()
    rig.start()
    rig.tick(n=20)
    before = actions(rig.outputs)[-1]
    rig.frame_fault, rig.policy = 'joints: 0.3 s old, limit 0.2 s', np.ones(6)
    stale = rig.tick()
    assert (stale.state.mode, stale.state.cause) == (Mode.HOLD, Cause.STALE_OBSERVATION)
    assert stale.state.detail.endswith('0.3 s old, limit 0.2 s')
    assert stale.command is not None
    assert stale.command.action[0] == before[0]


def test_a_tick_without_proposal_moves_nothing_before_the_time_out_either() -> None:
    rig = position_rig()
    rig.start()
    rig.tick(n=2)
    before = actions(rig.outputs)[-1]
    rig.proposals = False
    late = rig.tick()
    assert late.state.mode is Mode.AUTONOMOUS
    assert late.command is not None
    assert late.command.action[0] == before[0]


def test_without_a_measured_state_there_is_no_command_and_with_one_the_robot_stays_there() -> None:
    rig = position_rig()
    rig.frame_fault = 'joints: no message yet'
    assert rig.tick(n=3).command is None
    rig.frame_fault = ''
    held = rig.tick()
    assert held.command is not None
    assert held.command.action.tolist() == [0.0, 0.0, 0.0, 0.0, 0.08, 1.0]


def test_a_simulated_robot_that_a_reset_put_elsewhere_is_held_there_and_a_real_one_is_not() -> (
    None
):
    real = replace(MIXED.robot, real=True, command_timeout_enforced_by='driver')
    for spec, place in ((MIXED, 0.0), (replace(MIXED, robot=real), 0.5)):
        rig = position_rig(spec)
        rig.start()
        rig.tick(n=20)
        rig.tick(ended())
        rig.policy_fault = 'wait'
        again = rig.tick(started(1))
        assert again.command is not None
        assert again.command.action[0] == pytest.approx(place)


def test_frames_of_another_spec_never_move_the_robot() -> None:
    rig = position_rig()
    other = replace(MIXED, task=replace(MIXED.task, horizon_s=3.0))
    rig.core.spec, rig.spec = MIXED, other
    assert rig.start().state.mode is Mode.HOLD
    assert rig.outputs[-1].command is None


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'axes': (Axis('v', AxisKind.VELOCITY, -1, 1),)}, 'a real robot needs a limit'),
        ({'command_timeout_enforced_by': ''}, 'who stops a real robot'),
    ],
)
def test_a_real_robot_without_limits_or_watchdog_does_not_load(
    change: dict[str, object], words: str
) -> None:
    axes = (Axis('v', AxisKind.VELOCITY, -1, 1, max_rate=1.0),)
    fine = RobotSpec('r', 20.0, axes, (), real=True, command_timeout_enforced_by='driver')
    with pytest.raises(UserError, match=words):
        replace(fine, **change)  # type: ignore[arg-type]


def random_tick(rng: np.random.Generator, rig: Rig, k: int) -> None:
    """Change a few things at random, then tick."""
    assert isinstance(rig.gate, ScriptedGate)
    if rng.random() < 0.3:
        rig.gate.human, rig.engaged = bool(rng.random() < 0.5), bool(rng.random() < 0.6)
        rig.joystick, rig.proposals = bool(rng.random() < 0.8), bool(rng.random() < 0.8)
        rig.frame_fault = 'stale' if rng.random() < 0.1 else ''
        rig.policy, rig.human = rng.uniform(-2, 2, (2, 6))
        if rng.random() < 0.1:
            rig.policy[rng.integers(6)] = rng.choice([np.nan, -np.inf, 1e300])
    draw = rng.random()
    press = Press.TAKEOVER if draw < 0.1 else Press.RELEASE if draw < 0.15 else None
    events = [started(k), ended(k - 1), Request.RESUME, Request.TAKEOVER]
    rig.tick(*([events[rng.integers(4)]] if rng.random() < 0.15 else []), press=press)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(['instant', 'request']))
def test_no_sequence_makes_a_command_step_beyond_its_limits(seed: int, handover: str) -> None:
    rng = np.random.default_rng(seed)
    real = replace(MIXED.robot, real=True, command_timeout_enforced_by='driver')
    rig = position_rig(replace(MIXED, robot=real), handover=handover, auto_resume=True)
    rig.tick()
    for k in range(60):
        random_tick(rng, rig, k)
    low, high = MIXED.low, MIXED.high
    path = actions(rig.outputs)
    assert len(path) == len(rig.outputs), 'one command per tick'
    assert np.isfinite(path).all()
    assert ((path >= low) & (path <= high)).all()
    steps = np.abs(np.diff(path[:, :5], axis=0))
    assert (steps <= RATES * (1 + 1e-6)).all()
    for output in rig.outputs:
        assert (output.state.mode is Mode.AUTONOMOUS) <= bool(output.state.episode_id)
