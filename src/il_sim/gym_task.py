"""Any Gymnasium environment as a world, and the spec that describes it: `gym:MountainCar-v0`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import cv2
import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.spec import CommandTopic, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import Outcome, Vector
from il_sim.gym_env import axes_of, fields_of, make
from il_sim.gym_known import known, supervisor_of
from il_sim.stepping import Stepping

T = TypeVar('T')
STREAM = 'observation'
DEFAULT_HZ = 30.0
DEFAULT_STEPS = 1000
# What an environment may mean by `terminated` and `truncated`, in TaskSpec.params. None: the last
# reward tells, success where it is positive.
MEANINGS = {'success': Outcome.SUCCESS, 'failure': Outcome.FAILURE}
TERMINATED: Mapping[str, Outcome | None] = {**MEANINGS, 'reward': None}
TRUNCATED: Mapping[str, Outcome] = {**MEANINGS, 'timeout': Outcome.TIMEOUT}


def make_spec(name: str) -> Spec:
    """Return the spec of a Gymnasium environment.

    One stream `observation` with the flattened observation as obs_0, obs_1, …; a Discrete action
    is the axis `action`, a Box action the axes action_0, action_1, …: of kind velocity where 0 is
    within the bounds (zero means no effort), else latched (there is no neutral value, so the last
    one is kept).

    Args:
        name: environment id, `MountainCar-v0`.

    Raises:
        UserError: unknown environment, or spaces that are not numbers within bounds.
    """
    env = make(name)
    try:
        told = known(name)
        rate_hz = float(env.metadata.get('render_fps') or DEFAULT_HZ)
        fields = fields_of(name, env.observation_space)
        stream = Stream(
            STREAM, 'joint_state', fields, rate_hz=rate_hz, max_age_s=max(0.2, 2.5 / rate_hz)
        )
        axes = axes_of(name, env.action_space, told.idle)
        names = tuple(a.name for a in axes)
        command = CommandTopic('env/action', 'float64_array', names, names)
        limit = getattr(env.spec, 'max_episode_steps', None) or DEFAULT_STEPS
    finally:
        env.close()
    robot = RobotSpec(
        name=name,
        rate_hz=rate_hz,
        axes=axes,
        streams=(stream,),
        commands=(command,),
        description=f'Gymnasium environment {name}',
        command_timeout_enforced_by='il_sim',
    )
    params = {'env': name, 'terminated': told.terminated, 'truncated': told.truncated}
    task = TaskSpec(
        name=f'gym:{name}',
        robot=name,
        horizon_s=limit / rate_hz,
        world='gym',
        success=f'terminated is {told.terminated}, the time limit is {told.truncated}',
        params=params,
    )
    return Spec(robot, task)


class GymWorld(Stepping):
    """A Gymnasium environment as il_sim.api.World.

    SUCCESS is that the environment terminates before its time limit, TIMEOUT that it does not;
    where falling over is what terminates (CartPole, Hopper …), `params` of the task say
    `terminated: failure` and `truncated: success`; where both a goal and a crash do (LunarLander,
    BipedalWalker), `terminated: reward`: SUCCESS where the last reward is positive.

    Args:
        spec: as `make_spec` gives it.
        gui: show a window; then there are no pictures.

    Attributes:
        episode_return: sum of rewards since the last reset.

    Raises:
        UserError: unknown environment or meaning, or a spec that does not fit it.
    """

    def __init__(self, spec: Spec, gui: bool = False) -> None:
        params = spec.task.params
        self.spec, self._name, self._gui = spec, str(params.get('env', '')), gui
        self._terminated = _meaning(params, 'terminated', 'success', TERMINATED)
        self.at_horizon = _meaning(params, 'truncated', 'timeout', TRUNCATED)
        self._env = make(self._name, 'human' if gui else 'rgb_array')
        self._discrete = isinstance(self._env.action_space, Discrete)
        self._pilot = known(self._name).supervisor
        _check_fit(spec, self._env)
        self.reset(0)

    @property
    def has_supervisor(self) -> bool:
        return self._pilot is not None

    def reset(self, seed: int) -> None:
        """Put the environment into the initial state of `seed`."""
        observation, _ = self._env.reset(seed=seed)
        self._observation = np.asarray(observation, np.float64).ravel()
        self.episode_return = 0.0
        self._restart()

    def observe(self) -> Mapping[str, Vector]:
        """Return the stream `observation` as (F,) float64."""
        return {STREAM: self._observation.copy()}

    def supervisor(self) -> Vector:
        """Return (1,) what the scripted supervisor would do now.

        Raises:
            UserError: this environment has none.
        """
        pilot = self._pilot or supervisor_of(self._name)
        return np.array([pilot(self._observation)])

    def _advance(self, action: Vector) -> Outcome:
        observation, reward, terminated, truncated, _ = self._env.step(self._native(action))
        self._observation = np.asarray(observation, np.float64).ravel()
        self.episode_return += float(reward)
        if terminated:
            by_reward = Outcome.SUCCESS if reward > 0 else Outcome.FAILURE
            return by_reward if self._terminated is None else self._terminated
        return self.at_horizon if truncated else Outcome.UNKNOWN

    def render(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return an RGB image (height, width, 3).

        Raises:
            UserError: there is a window, or the environment cannot draw here.
        """
        if self._gui:
            raise UserError('picture', self._name, 'with a window there are none; use gui: false')
        try:
            image = self._env.render()
        except gymnasium.error.DependencyNotInstalled as error:
            raise UserError('picture', self._name, str(error)) from error
        if image is None:
            raise UserError('picture', self._name, 'the environment draws none')
        resized = cv2.resize(np.asarray(image, np.uint8), (width, height))
        return np.asarray(resized, np.uint8)

    def close(self) -> None:
        """Release the environment. Safe to call twice."""
        self._env.close()

    def _native(self, values: Vector) -> Any:
        if self._discrete:
            return round(float(values[0]))
        space = self._env.action_space
        return values.reshape(space.shape).astype(space.dtype)


def _meaning(params: Mapping[str, Any], key: str, default: str, meanings: Mapping[str, T]) -> T:
    word = str(params.get(key, default))
    if word not in meanings:
        raise UserError(f'params: {key}', word, 'not known', meanings)
    return meanings[word]


def _check_fit(spec: Spec, env: Any) -> None:
    fields = fields_of(spec.task.name, env.observation_space)
    if spec.frame_fields != tuple(f'{STREAM}/{f}' for f in fields):
        raise UserError('frame fields', spec.frame_fields, f'must be {STREAM}/{", ".join(fields)}')
    axes = tuple(a.name for a in axes_of(spec.task.name, env.action_space, 0))
    if spec.axis_names != axes:
        raise UserError('axes', spec.axis_names, f'must be {axes}')
