"""Any Gymnasium environment as a task."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium
import numpy as np
import pytest

from il_core.errors import InternalError, UserError
from il_core.load import load_spec, spec_from_plain
from il_core.spec import Spec
from il_core.structure import plain
from il_core.types import AxisKind, Outcome
from il_sim.api import make_world
from il_sim.gym_task import GymWorld
from il_sim.stage import Stage


def make(name: str) -> GymWorld:
    world = make_world(load_spec(f'gym:{name}'))
    assert isinstance(world, GymWorld)
    return world


def drive(world: GymWorld, seed: int, action: Any) -> Outcome:
    world.reset(seed)
    while world.outcome is Outcome.UNKNOWN:
        world.step(np.atleast_1d(action() if callable(action) else action).astype(float))
    return world.outcome


def with_params(spec: Spec, **params: object) -> Spec:
    task = dataclasses.replace(spec.task, params={**spec.task.params, **params})
    return dataclasses.replace(spec, task=task)


def test_mountain_car_spec_says_what_the_environment_is() -> None:
    spec = load_spec('gym:MountainCar-v0')
    assert spec.frame_fields == ('observation/obs_0', 'observation/obs_1')
    (axis,) = spec.axes
    assert (axis.kind, axis.low, axis.high, axis.idle) == (AxisKind.DISCRETE, 0, 2, 1)
    assert spec.horizon == 200
    assert spec_from_plain(plain(spec), 'stored').hash == spec.hash


def test_pumping_escapes_from_every_start_and_pushing_right_never_does() -> None:
    world = make('MountainCar-v0')
    returns = []
    for seed in range(20):
        assert drive(world, seed, world.supervisor) is Outcome.SUCCESS
        returns.append(world.episode_return)
        assert world.episode_return == -world.ticks
    assert -130 < np.mean(returns) < -105
    assert drive(world, 0, 2) is Outcome.TIMEOUT
    assert world.ticks == 200
    with pytest.raises(InternalError, match='reset first'):
        world.step(np.array([0.0]))


def test_a_seed_gives_the_same_episode() -> None:
    first, second = make('MountainCar-v0'), make('MountainCar-v0')
    drive(second, 5, 1)
    for world in (first, second):
        world.reset(3)
    for _ in range(50):
        np.testing.assert_array_equal(
            first.observe()['observation'], second.observe()['observation']
        )
        first.step(first.supervisor())
        second.step(second.supervisor())


def test_where_falling_terminates_it_is_failure_unless_params_say_otherwise() -> None:
    world = make('CartPole-v1')
    assert drive(world, 0, 0) is Outcome.FAILURE

    def balance() -> float:
        place, speed, angle, rate = world.observe()['observation']
        return float(3 * angle + rate + 0.1 * place + 0.2 * speed > 0)

    assert drive(world, 0, balance) is Outcome.SUCCESS
    assert world.episode_return == 500
    turned = make_world(with_params(world.spec, terminated='success'))
    assert drive(turned, 0, 0) is Outcome.SUCCESS  # type: ignore[arg-type]


class Cliff(gymnasium.Env[np.ndarray, int]):
    """One step to the goal, or over the edge; staying is neither."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, **_: Any) -> tuple[np.ndarray, dict[str, Any]]:
        return np.zeros(1, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        reward = (-100.0, 0.0, 100.0)[action]
        return np.zeros(1, np.float32), reward, reward != 0, False, {}


@pytest.mark.parametrize('name', ['LunarLander-v9', 'BipedalWalker-v9'])
def test_where_both_a_goal_and_a_crash_terminate_the_last_reward_tells(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gymnasium.envs.registration, 'registry', {})
    gymnasium.register(name, Cliff, max_episode_steps=5)
    world = make(name)
    ends = [drive(world, 0, float(action)) for action in range(3)]
    assert ends == [Outcome.FAILURE, Outcome.TIMEOUT, Outcome.SUCCESS]


def test_a_box_action_is_velocity_axes_within_its_bounds() -> None:
    world = make('Pendulum-v1')
    (axis,) = world.spec.axes
    assert (axis.kind, axis.low, axis.high) == (AxisKind.VELOCITY, -2, 2)
    speeds = []
    for torque in (2.0, 50.0):
        world.reset(1)
        world.step(np.array([torque]))
        speeds.append(world.observe()['observation'].tobytes())
    assert speeds[0] == speeds[1]
    assert drive(world, 0, 0.0) is Outcome.TIMEOUT


def test_a_task_without_supervisor_says_so_and_still_runs() -> None:
    world = make('Pendulum-v1')
    with pytest.raises(UserError, match=r'Pendulum-v1.*there is none; choices: MountainCar'):
        world.supervisor()
    offered = Stage(world, 0).supervisor()
    assert (offered.action, offered.engaged) == (None, False)


@pytest.mark.parametrize(
    ('task', 'words'),
    [
        ('gym:MountanCar-v0', "'MountanCar-v0'.*did you mean MountainCar-v0"),
        ('gym:Blackjack-v1', 'observation space.*must be a Box'),
        ('gym:', "gym environment is ''"),
        ('gym:nowhere:Car-v0', "'nowhere:Car-v0': cannot run here: No module named 'nowhere'"),
    ],
)
def test_what_cannot_be_a_task_says_why(task: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_spec(task)


def test_a_robot_is_not_passed_over() -> None:
    with pytest.raises(UserError, match=r"robot is 'panda': .*gym:MountainCar-v0 makes its own"):
        load_spec('gym:MountainCar-v0', 'panda')


@pytest.mark.parametrize('action', [np.zeros(2), np.array([np.nan]), np.zeros(())])
def test_wrong_actions_are_refused(action: np.ndarray) -> None:
    with pytest.raises(UserError, match='action'):
        make('MountainCar-v0').step(action)


def test_an_unknown_meaning_or_a_foreign_spec_is_refused() -> None:
    spec = load_spec('gym:MountainCar-v0')
    with pytest.raises(UserError, match=r'params: terminated.*choices: success, failure, reward'):
        make_world(with_params(spec, terminated='maybe'))
    with pytest.raises(UserError, match='frame fields'):
        make_world(with_params(spec, env='CartPole-v1'))


def test_picture_follows_the_car() -> None:
    world = make('MountainCar-v0')
    pictures = []
    for seed in (0, 1):
        world.reset(seed)
        pictures.append(world.render(120, 80))
        assert pictures[-1].shape == (80, 120, 3)
    assert (pictures[0] != pictures[1]).any()
    world.close()
    world.close()


def test_a_task_for_a_real_robot_has_no_world() -> None:
    spec = load_spec('gym:MountainCar-v0')
    real = dataclasses.replace(spec, task=dataclasses.replace(spec.task, world=''))
    with pytest.raises(UserError, match='runs on a real robot only'):
        make_world(real)
    unknown = dataclasses.replace(spec, task=dataclasses.replace(spec.task, world='reech'))
    with pytest.raises(UserError, match='did you mean reach'):
        make_world(unknown)
