"""What every PyBullet task with the Panda shares: the tick, the streams, the pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import Outcome, Vector
from il_sim import physics
from il_sim.robot import Panda, Sensed, down
from il_sim.stepping import Stepping

POSE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
AXES = (('x', 'y', 'z', 'gripper'), ('x', 'y', 'z', 'yaw', 'gripper'))


class PandaWorld(Stepping):
    """A task with the Panda: a subclass puts things into the scene and says how it goes.

    A subclass implements `_build` (once), `_lay_out` (per seed; returns where the hand starts),
    `_seen` (its own streams), `_outcome` and `supervisor`. Everything that varies between
    episodes must be put back by `_lay_out`, so that a seed gives the same bits whatever ran
    before.
    """

    has_supervisor = True
    physics_hz = 240
    pads = False  # see Panda
    eye = (1.4, -0.12, 0.9)
    look_at = (0.45, 0.02, 0.17)

    def __init__(self, spec: Spec, gui: bool = False) -> None:
        self.spec = spec
        self._substeps = round(self.physics_hz / spec.robot.rate_hz)
        self._check_spec()
        workspace = spec.task.params['workspace']
        low, high = (np.array(workspace[end], np.float64) for end in ('low', 'high'))
        self._client, self._open = physics.connect(gui, self.physics_hz), True
        self._robot = Panda(self._client, low, high, not gui, self.pads)
        self._build()
        self._initial = self._client.saveState()
        self.reset(0)
        self._check_streams()

    def reset(self, seed: int) -> None:
        """Put the world into the initial state of `seed`."""
        physics.part(self._client)
        self._client.restoreState(self._initial)
        self._robot.reset(self._lay_out(np.random.default_rng(seed)), 0.08)
        self._restart()
        self._force = np.zeros(3)
        self._sensed = self._robot.sense()

    def _advance(self, action: Vector) -> Outcome:
        turn = float(action[3]) if len(action) > len(AXES[0]) else 0.0
        self._robot.move(action[:3], float(action[-1]), turn)
        for _ in range(self._substeps):
            self._client.stepSimulation()
        self._sensed = self._robot.sense()
        self._force = self._contact_force()
        return self._outcome(self._sensed)

    def observe(self) -> Mapping[str, Vector]:
        """Return the decoded value of every observed stream, `stream name -> (fields,)`
        float64."""
        values = self._values()
        return {
            s.name: np.array([values[s.name][f] for f in s.fields]) for s in self.spec.observed
        }

    def supervisor(self) -> Vector:
        """Return (A,) what the scripted supervisor would do now."""
        raise NotImplementedError

    def render(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return an RGB image (height, width, 3)."""
        return physics.picture(self._client, width, height, self.eye, self.look_at)

    def close(self) -> None:
        """Release the simulator. Safe to call twice."""
        if self._open:
            self._client.disconnect()
        self._open = False

    def _build(self) -> None:
        raise NotImplementedError

    def _lay_out(self, rng: np.random.Generator) -> Vector:
        raise NotImplementedError

    def _seen(self, sensed: Sensed) -> Mapping[str, Vector]:
        """Return the task's own streams: offsets x y z in m, and where the stream has it a
        turn as quaternion qx qy qz qw."""
        raise NotImplementedError

    def _outcome(self, sensed: Sensed) -> Outcome:
        raise NotImplementedError

    def _draw(self, rng: np.random.Generator, name: str) -> Vector:
        """Draw (n,) uniformly from the task's range `name`, low to high."""
        bounds = self.spec.task.params['ranges'][name]
        low, high = (np.array(bounds[end], np.float64) for end in ('low', 'high'))
        return rng.uniform(low, high)

    def _contact_force(self) -> Vector:
        """Return (3,) N, what the world presses on the arm with; the arm's own joints do not
        count."""
        force = np.zeros(3)
        for contact in self._client.getContactPoints(self._robot.body):
            if contact[2] != self._robot.body:
                force += contact[9] * np.array(contact[7])
                force += contact[10] * np.array(contact[11]) + contact[12] * np.array(contact[13])
        return force

    def _values(self) -> dict[str, Mapping[str, float]]:
        own = {n: _named(v) for n, v in self._seen(self._sensed).items()}
        pose = np.append(self._sensed.hand, down(self._sensed.yaw))
        return {
            'joint_states': self._sensed.joints,
            'ee_pose': _named(pose),
            'wrench': _named(self._force, ('fx', 'fy', 'fz')),
            **own,
        }

    def _check_spec(self) -> None:
        if self.spec.axis_names not in AXES:
            raise UserError(
                'axes', self.spec.axis_names, 'are not those of il_sim', map(', '.join, AXES)
            )
        if self._substeps * self.spec.robot.rate_hz != self.physics_hz:
            rule = f'must divide the physics rate, {self.physics_hz} Hz'
            raise UserError('rate_hz', self.spec.robot.rate_hz, rule)

    def _check_streams(self) -> None:
        values = self._values()
        for stream in self.spec.observed:
            if stream.name not in values:
                raise UserError('stream', stream.name, 'is not simulated', sorted(values))
            for name in stream.fields:
                if name not in values[stream.name]:
                    known = values[stream.name]
                    raise UserError(f'field of {stream.name}', name, 'is not simulated', known)


def _named(values: Vector, names: tuple[str, ...] = POSE) -> dict[str, float]:
    """Name (n,) values by the first n names."""
    return dict(zip(names, values.tolist(), strict=False))
