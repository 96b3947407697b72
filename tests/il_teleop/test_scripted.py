"""A scripted operator, seen from the other end of its joystick."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.registry import Registry
from il_core.types import (
    NO_PRESSES,
    NS_PER_S,
    Cause,
    Command,
    ExpertAction,
    Frame,
    GateState,
    Mode,
    Owner,
    Proposal,
)
from il_teleop.api import EXPERTS, View
from il_teleop.joystick import JoystickMapper
from il_teleop.mapping import load_joystick
from tests.toy import toy_spec

TICK = NS_PER_S // 20
OWN = np.array([0.05, -0.02, 0.08])
OWNERS = {Mode.AUTONOMOUS: Owner.POLICY, Mode.SUPERVISOR: Owner.HUMAN}


class Loop:
    """Operator, joystick and reader over ticks whose modes and proposals a test chooses."""

    def __init__(self, layout: str = 'scripted', **params: object) -> None:
        mapping = load_joystick(layout)
        self.operator = EXPERTS.load('scripted').build(toy_spec(), mapping, params)
        self.mapper = JoystickMapper(mapping, toy_spec())
        self.tick = 0

    def step(
        self,
        mode: Mode | None,
        policy: np.ndarray | None = None,
        *,
        own: np.ndarray | None = OWN,
        ready: bool = False,
    ) -> ExpertAction:
        """Advance by a tick: `mode` and the policy's action are those of the tick before."""
        stamp_ns = self.tick * TICK
        supervisor = ExpertAction(stamp_ns, own, True, 'supervisor', seed=3, step=self.tick)
        view = View(supervisor)
        if mode is not None:
            owner = OWNERS.get(mode, Owner.NOBODY)
            state = GateState(0, 0, mode, owner, Cause.NONE, hand_back_ready=ready)
            command = Command(0, 0, np.zeros(3), mode, owner)
            proposal = Proposal(Frame(0, 0, np.zeros(2), ()), mean=policy)
            view = View(supervisor, state, command, proposal)
            self.mapper.sync(command)
        self.tick += 1
        return self.mapper.update(self.operator.update(view, stamp_ns))

    def engaged(self, *modes: Mode | None) -> list[bool]:
        return [self.step(mode).engaged for mode in modes]


A, R, S, H = Mode.AUTONOMOUS, Mode.REQUESTING, Mode.SUPERVISOR, Mode.HOLD
FAR = OWN + np.array([0.1, 0.0, 0.0])  # distance sqrt(1/3) = 0.58


def test_always_is_engaged_with_the_supervisors_action_from_the_first_tick():
    loop = Loop(style='always')
    for mode in (None, H, A, S):
        got = loop.step(mode)
        assert got.engaged
        assert got.action == pytest.approx(OWN, abs=1e-8)
        assert got.stamp_ns == (loop.tick - 1) * TICK
    assert loop.operator.continuous_labels


def test_on_request_engages_when_asked_and_lets_go_after_the_hand_back():
    loop = Loop(style='on_request')
    modes = (None, H, A, R, R, S, S, A, A)
    assert loop.engaged(*modes) == [False, False, False, True, True, True, True, False, False]
    assert not loop.operator.continuous_labels


def test_reaction_time_delays_both_ways_and_a_short_wish_never_shows():
    loop = Loop(style='on_request', reaction_s=0.1)
    assert loop.engaged(A, R, A, R, R, R, S, A, A, A, A) == [False] * 5 + [True] * 4 + [False] * 2


def test_on_request_lets_go_when_the_gate_is_ready_to_hand_back():
    loop = Loop(style='on_request')
    assert loop.step(R).engaged
    assert loop.step(S).engaged
    assert not loop.step(S, ready=True).engaged


def test_own_judgement_takes_over_after_a_run_and_lets_go_after_a_run():
    loop = Loop(style='own_judgement', takeover_ticks=2, release_ticks=3)
    # Two far ticks after an interrupted one; the policy's action at tick k-1 is judged at tick k.
    far = [loop.step(A, p).engaged for p in (OWN, FAR, OWN, FAR, FAR)]
    assert far == [False, False, False, False, True]
    near = [loop.step(S, p).engaged for p in (OWN, OWN, FAR, OWN, OWN, OWN)]
    assert near == [True, True, True, True, True, False]


def test_own_judgement_compares_actions_of_the_same_tick():
    loop = Loop(style='own_judgement', takeover_ticks=1, takeover_distance=0.1, release_distance=0)
    loop.step(A, OWN, own=OWN)
    assert not loop.step(A, OWN, own=FAR).engaged, 'the policy agreed with the action of then'
    assert loop.step(A, OWN, own=FAR).engaged


def test_own_judgement_answers_requests_and_rests_in_hold():
    loop = Loop(style='own_judgement', takeover_ticks=1)
    assert loop.engaged(A, R) == [False, True]
    loop = Loop(style='own_judgement', takeover_ticks=1)
    loop.step(A, OWN)
    assert not loop.step(H, FAR).engaged


def test_own_judgement_keeps_what_a_gate_asked_for_until_the_gate_is_ready():
    """Where policy and human always agreed, only the gate knows why it called."""
    loop = Loop(style='own_judgement', release_ticks=2)
    assert not any(loop.step(A, OWN).engaged for _ in range(4))
    assert all(loop.step(mode, OWN).engaged for mode in (R, S, S, S, S))
    assert not loop.step(S, OWN, ready=True).engaged
    assert loop.step(S, OWN).engaged, 'the gate changed its mind'
    assert [loop.step(mode, OWN, ready=True).engaged for mode in (S, S, A)] == [True, False, False]


def test_attention_that_is_spent_at_the_controls_is_back_with_the_next_episode():
    """Two ticks (0.1 s) of driving are paid for; waiting in REQUESTING costs nothing."""
    loop = Loop(style='on_request', attention_s=0.1)
    asked = loop.engaged(A, R, R, R, S, S, A, R, R)
    assert asked == [False, True, True, True, True, True, False, True, True]
    assert loop.engaged(S, S, R, R) == [True, False, False, False]
    loop.tick = 0
    assert loop.engaged(H, A, R, S, S) == [False, False, True, True, True]


def test_who_is_always_there_has_bounded_attention_too():
    loop = Loop(style='always', attention_s=0.1)
    assert loop.engaged(A, S, S, S, S) == [True, True, True, False, False]


def test_noise_depends_on_seed_and_step_alone_and_spares_the_gripper():
    loop, again = Loop(style='always', noise=0.2), Loop(style='always', noise=0.2)
    again.step(A, own=None)  # idle: consumes nothing
    first = [loop.step(A).action for _ in range(4)]
    second = [again.step(A).action for _ in range(3)]
    assert np.array_equal(first[1:], second)
    assert len({action[0] for action in first}) == 4
    assert {action[2] for action in first} == {0.08}


def test_noise_has_the_asked_standard_deviation_in_normalised_units():
    loop = Loop(style='always', noise=0.1)
    x = [loop.step(A).action[:2] for _ in range(1000)]
    # Half a range is 0.1 m; the standard error of a deviation over 2000 draws is 1.6 %.
    assert np.std((x - OWN[:2]) / 0.1) == pytest.approx(0.1, rel=0.06)


def test_it_presses_nothing_and_rests_while_not_engaged():
    loop = Loop(style='on_request')
    got = [loop.step(mode) for mode in (A, R, S, S, A)]
    assert all(expert.presses == NO_PRESSES for expert in got)
    assert got[-1].action[:2].tolist() == [0.0, 0.0]


def test_a_supervisor_without_an_action_is_an_idle_joystick():
    assert not Loop(style='always').step(A, own=None).engaged


@pytest.mark.parametrize('layout', ['xbox', 'keyboard'])
def test_it_works_any_joystick_with_a_latched_gripper(layout):
    loop = Loop(layout, style='always')
    for grip in (0.0, 0.08, 0.08, 0.0):
        want = np.array([0.02, 0.03, grip])
        loop.step(S, own=want)
        assert loop.step(S, own=want).action == pytest.approx(want, abs=1e-7)


@pytest.mark.parametrize(
    ('params', 'words'),
    [
        ({'style': 'eager'}, 'choices: always, on_request, own_judgement'),
        ({'reaction_s': -1.0}, 'operator: reaction_s is -1.0'),
        ({'noise': float('nan')}, 'operator: noise is nan'),
        ({'takeover_ticks': 0}, 'operator: takeover_ticks is 0'),
        ({'release_distance': 0.9}, 'must not be above takeover_distance (0.5)'),
        ({'reaction': 1.0}, 'did you mean reaction_s?'),
    ],
)
def test_bad_parameters_are_refused(params, words):
    with pytest.raises(UserError) as caught:
        Loop(**params)
    assert words in str(caught.value)


def test_every_registered_expert_builds_with_its_defaults_and_answers():
    assert isinstance(EXPERTS, Registry)
    for name in EXPERTS.names():
        operator = EXPERTS.load(name).build(toy_spec(), load_joystick('scripted'), {})
        joy = operator.update(View(ExpertAction(5, OWN, True)), 5)
        assert joy.stamp_ns == 5
