"""One episode without ROS: who acts, what is recorded, and that nothing depends on the past."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.types import Frame, Mode, Outcome, Owner, Proposal
from il_gating.config import GateConfig
from il_loop.cast import DEMONSTRATE, Cast, make_loop, play
from il_loop.episodes import summarise
from tests.toy import ToyWorld

WATCHED = Cast('hg_dagger', operator={'style': 'own_judgement', 'takeover_ticks': 2})


class Steady:
    """A policy that always moves the same way; a frame with a fault gives that fault."""

    checkpoint_id = 'steady'

    def __init__(self, spec, action):
        self.spec, self.action = spec, np.array(action, float)

    def reset(self):
        pass

    def propose(self, frame: Frame) -> Proposal:
        zeros = np.zeros_like(self.action)
        members = self.action[None]
        return Proposal(
            frame, 'steady', self.spec.hash, self.action, zeros, members, fault=frame.fault
        )


def loop(cast, action=(0.05, 0.05, 0.08), world=None):
    world = world or ToyWorld()
    policy = None if cast.gate == 'expert_only' else Steady(world.spec, action)
    return make_loop(world, cast, policy=policy)


def test_demonstration_is_the_humans_from_the_first_step():
    episode = loop(DEMONSTRATE).episode(3, 'demo')
    counted = episode.summary()
    assert episode.outcome is Outcome.SUCCESS
    assert counted.labels == counted.human_actions == counted.steps == len(episode.steps) > 3
    assert [s.state.step for s in episode.steps] == list(range(counted.steps))
    assert {s.state.episode_id for s in episode.steps} == {'demo'}
    assert counted.switches == counted.interventions == 0
    assert counted.human_s == pytest.approx(counted.steps / 20)


def test_policy_alone_runs_to_the_horizon():
    counted = loop(Cast(), (0.0, 0.0, 0.08)).episode(1, 'alone').summary()
    assert (counted.outcome, counted.steps) == ('TIMEOUT', 40)
    assert (counted.robot_actions, counted.labels, counted.human_s) == (40, 0, 0.0)


def test_the_human_takes_over_a_wrong_policy_and_reaches_the_goal():
    episode = loop(WATCHED, (-0.1, -0.1, 0.08)).episode(5, 'watched')
    counted = episode.summary()
    assert counted.interventions >= 1
    assert counted.robot_actions + counted.human_actions + counted.idle_actions == counted.steps
    assert counted.outcome == 'SUCCESS'
    owners = [s.command.owner for s in episode.steps]
    assert owners[0] is Owner.POLICY
    assert Owner.HUMAN in owners


def test_labels_are_the_humans_actions_through_a_float32_joystick():
    episode = loop(DEMONSTRATE).episode(3, 'demo').episode()
    way = np.clip(episode.frames[:, 3:] - episode.frames[:, :2], -0.1, 0.1)
    off = np.abs(episode.expert_actions[:, :2] - way).max()
    assert episode.human_labels.all()
    assert 0 < off < 1e-7


def test_same_seed_same_steps_whatever_ran_before():
    fresh = loop(WATCHED, (-0.1, 0.1, 0.08)).episode(7, 'a').episode()
    used = loop(WATCHED, (-0.1, 0.1, 0.08))
    play(used, range(3))
    again = used.episode(7, 'a').episode()
    for name in ('frame', 'command', 'owner', 'step', 'mode', 'expert'):
        assert np.array_equal(fresh.column(name), again.column(name), equal_nan=True), name


def test_columns_hold_what_the_steps_said():
    made = loop(WATCHED, (-0.1, 0.1, 0.08)).episode(7, 'a')
    episode = made.episode()
    for row, step in zip(episode.steps, made.steps, strict=True):
        assert np.array_equal(row['frame'], step.proposal.frame.vector)
        assert np.array_equal(row['command'], step.command.action)
        assert np.array_equal(row['members'], step.proposal.members)
        assert row['mode'] == step.command.mode
        assert row['cause'] == step.state.cause
    assert summarise(episode).checkpoint_id == 'steady'


def test_nobody_comes_when_asked():
    cast = Cast(
        'novelty',
        {'novelty': -1.0, 'hand_back': -1.0, 'discrepancy': 0.0},
        GateConfig(auto_start=True, timeout_s=0.5),
        operator=None,
    )
    episode = loop(cast).episode(0, 'in vain')
    assert episode.outcome is Outcome.ABORTED
    modes = [s.command.mode for s in episode.steps]
    assert modes[:-1] == [Mode.REQUESTING] * (len(modes) - 1)
    assert np.all(episode.episode().commands[:, :2] == 0)
    assert len(episode.steps) <= 12


def test_an_episode_that_nobody_starts_is_an_error_not_a_hang():
    with pytest.raises(UserError, match='nobody took control'):
        loop(Cast('policy_only', config=GateConfig())).episode(0, 'never')


class Blind(ToyWorld):
    """Its goal sensor fails at tick 5."""

    def observe(self):
        seen = super().observe()
        if self.ticks == 5:
            seen['goal'] = np.array([np.nan, 0.0])
        return seen


def test_nan_in_an_observation_holds_the_robot():
    episode = loop(Cast(), (0.0, 0.02, 0.08), Blind()).episode(1, 'blind')
    held = [s for s in episode.steps if s.command.mode is Mode.HOLD]
    assert held
    assert 'not finite' in held[0].state.detail
    assert np.isfinite(episode.episode().commands).all()
    assert np.isnan(episode.episode().frames).any(axis=1).sum() >= 1
