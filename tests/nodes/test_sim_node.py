"""The simulator over its topics: stands still, runs on answers, ends with an outcome."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.load import load_spec
from il_core.types import EventKind, Mode, Outcome
from il_ros.build import build_commands
from il_ros.topics import command_topic, create_publisher
from il_sim.api import make_world
from il_sim.node import SimNode

STILL = np.array([0.0, 0.0, 0.0, 0.08])


class Answers:
    """Answers every tick of the supervisor's topic once, with what the supervisor would do."""

    def __init__(self, stand, mode=Mode.AUTONOMOUS):
        self.stand, self.mode, self.done, self.actions = stand, mode, 0, []

    def __call__(self):
        for seen in self.stand.supervisor[self.done :]:
            self.actions.append(seen.action)
            self.stand.send(seen.stamp_ns, seen.action, self.mode)
        self.done = len(self.stand.supervisor)


@pytest.fixture
def sim(stand):
    node = stand.add(SimNode, task='reach', lockstep=True, seed=3)
    assert node.autostart()
    return node


def test_it_stands_still_until_the_first_command_that_is_not_hold(stand, sim):
    hold = Answers(stand, Mode.HOLD)
    assert stand.spin(lambda: hold() or len(stand.supervisor) >= 20)
    assert {s.step for s in stand.supervisor} == {0}
    assert {tuple(s.action) for s in stand.supervisor} == {tuple(stand.supervisor[0].action)}
    stamps = [s.stamp_ns for s in stand.supervisor]
    assert stamps == sorted(set(stamps))


def test_an_episode_in_lockstep_equals_the_world_stepped_by_hand(stand, sim):
    answer = Answers(stand)
    assert stand.spin(lambda: answer() or stand.events, 30.0)
    world = make_world(load_spec('reach'))
    world.reset(3)
    outcome, actions = Outcome.UNKNOWN, []
    while outcome is Outcome.UNKNOWN:
        actions.append(world.supervisor())
        outcome = world.step(actions[-1])
    world.close()
    (event,) = stand.events
    assert (event.kind, event.outcome, event.seed) == (EventKind.OUTCOME, outcome, 3)
    assert np.array_equal(answer.actions, actions)
    assert [s.step for s in stand.supervisor] == list(range(len(actions)))


def test_a_reset_waits_for_somebody_who_answers(stand, sim):
    early = stand.reset(4)
    assert not early.success
    assert 'sim/reset is 4: must wait for the first answer to a tick' in early.message
    hold = Answers(stand, Mode.HOLD)
    assert stand.spin(lambda: hold() or sim.turns.ever_answered)
    assert stand.reset(4).success


def test_after_the_outcome_nothing_ticks_until_the_next_reset(stand, sim):
    answer = Answers(stand)
    assert stand.spin(lambda: answer() or stand.events, 30.0)
    last = stand.supervisor[-1].stamp_ns
    ticks = len(stand.supervisor)
    assert stand.reset(4).success
    assert stand.spin(lambda: len(stand.supervisor) > ticks)
    first = stand.supervisor[ticks]
    assert (first.seed, first.step) == (4, 0)
    assert first.stamp_ns > stand.events[0].stamp_ns > last


def test_an_answer_to_another_tick_moves_nothing(stand, sim):
    assert stand.spin(lambda: len(stand.supervisor) > 0)
    stand.send(17, STILL)
    hold = Answers(stand, Mode.HOLD)
    assert stand.spin(lambda: hold() or len(stand.supervisor) >= 5)
    assert stand.supervisor[-1].step == 0


def test_paused_it_advances_by_the_ticks_it_was_granted(stand, sim):
    answer = Answers(stand)
    assert stand.spin(lambda: answer() or len(stand.supervisor) >= 5)
    assert stand.step(0, pause=True).success
    stand.spin(lambda: answer(), 0.2)
    before = len(stand.supervisor)
    assert stand.step(3).success
    assert stand.spin(lambda: answer() or len(stand.supervisor) == before + 3)
    stand.spin(lambda: answer(), 0.3)
    assert len(stand.supervisor) == before + 3
    assert stand.step(0).success
    assert stand.spin(lambda: answer() or len(stand.supervisor) > before + 10)


def test_a_wrong_action_is_refused_and_the_world_waits(stand, sim, capfd):
    assert stand.spin(lambda: len(stand.supervisor) > 0)
    stand.send(stand.supervisor[-1].stamp_ns, np.array([np.nan, 0, 0, 0]))
    assert stand.spin(lambda: 'must be finite' in capfd.readouterr().err)
    answer = Answers(stand)
    assert stand.spin(lambda: answer() or stand.supervisor[-1].step > 3)


@pytest.mark.parametrize(('speed', 'says'), [(100.0, 'lower'), (0.1, '')])
def test_a_world_that_is_slower_than_asked_for_says_so(stand, speed, says):
    node = stand.add(SimNode, task='reach', speed=speed)
    assert node.autostart()
    assert stand.spin(lambda: node.beat.ticks > 5, limit_s=20)
    text = node.state_of_health().message
    assert ('reach runs slower than asked for: ' in text) is bool(says), text
    assert not says or text.endswith('or set speed of /sim lower')


def test_in_real_time_the_robots_own_topics_move_it_and_silence_stops_it(stand):
    node = stand.add(SimNode, task='reach', seed=3, speed=2.0)
    spec = load_spec('reach')
    out = [create_publisher(stand.hand, command_topic(c)) for c in spec.robot.commands]
    assert node.autostart()
    assert stand.spin(lambda: len(stand.supervisor) > 2)
    hand = node.world.observe()['ee_pose'].copy()
    action = np.array([0.0, 0.0, 0.01, 0.04])

    def drive():
        messages = build_commands(spec, action, stand.supervisor[-1].stamp_ns)
        for publisher, message in zip(out, messages, strict=True):
            publisher.publish(message)
        stand.send(0, action)
        return node.stage.step > 10

    assert stand.spin(drive, every_s=0.02)
    moved = node.world.observe()['ee_pose'] - hand
    assert moved[2] > 0.05
    assert np.abs(moved[:2]).max() < 0.01
    steps = node.stage.step
    assert stand.spin(lambda: node.stage.step > steps + 12)
    resting = node.world.observe()['ee_pose'].copy()
    assert stand.spin(lambda: node.stage.step > steps + 20)
    assert np.abs(node.world.observe()['ee_pose'] - resting).max() < 1e-3
    assert node.world.observe()['joint_states'][-1] == pytest.approx(0.02, abs=0.005)


def test_a_task_without_a_world_says_so(stand, capfd):
    node = stand.add(SimNode, task='nowhere')
    assert not node.autostart()
    error = capfd.readouterr().err
    assert "task is 'nowhere': not known; choices: " in error
    assert 'reach' in error
