"""A road with parked cars: the task that HG-DAgger was made for (Kelly et al., ICRA 2019)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from il_core.types import Outcome, Vector
from il_sim.plain import PlainWorld, dot, line

FAST, SLOW = 10.0, 5.0  # of the supervisor, m/s
AHEAD_M, CLOSE_M = 25.0, 12.0  # where it changes lanes; where it is slow unless beside the car
AIM, TURN = 0.15, 3.0  # heading per metre beside the lane's middle; turn per heading, 1/s
STEEPEST_RAD = 0.35
DASH_M = 10.0  # of the line between the lanes
SIDES = ('left', 'right')
BLUE, GREY = (64, 89, 191), (140, 140, 140)


class DriveWorld(PlainWorld):
    """The world of config/tasks/drive.yaml; its params hold every number of the scene.

    FAILURE: a side of the car leaves the road, or it touches a parked car (`touched`). SUCCESS:
    `road_m` are behind it. TIMEOUT at the horizon. It turns as a unicycle, with a lag and under
    gusts; all cars are boxes along the road.
    """

    def _begin(self) -> None:
        params, draw = self.spec.task.params, self._rng.uniform
        ranges = params['ranges']
        beside, self._heading, self._speed = draw(ranges['start']['low'], ranges['start']['high'])
        side, self.touched = self._rng.choice((-1.0, 1.0)), False
        self._at, self._beside, self._turn = 0.0, side * params['lane_m'] / 2 + beside, 0.0
        count = int((params['road_m'] + params['sight_m']) / ranges['gap']['low']) + 1
        self._parked = np.cumsum(draw(ranges['gap']['low'], ranges['gap']['high'], count))
        self._lanes = self._rng.choice((-1.0, 1.0), count) * params['lane_m'] / 2

    def _advance(self, action: Vector) -> Outcome:
        params, dt = self.spec.task.params, 1 / self.spec.robot.rate_hz
        change = np.clip(action[0] - self._speed, -params['brake'] * dt, params['speed_up'] * dt)
        self._speed += float(change)
        self._turn += (float(action[1]) - self._turn) * min(dt / params['turn_lag_s'], 1.0)
        self._turn += params['gust'] * self._rng.standard_normal()
        self._heading += dt * self._turn
        self._at += dt * self._speed * np.cos(self._heading)
        self._beside += dt * self._speed * np.sin(self._heading)
        off = abs(self._beside) + params['car_width_m'] / 2 > params['lane_m']
        near = np.abs(self._parked - self._at) < params['car_length_m']
        beside = np.abs(self._lanes[near] - self._beside)
        self.touched = bool((beside < params['car_width_m']).any())
        if off or self.touched:
            return Outcome.FAILURE
        return Outcome.SUCCESS if self._at >= params['road_m'] else Outcome.UNKNOWN

    def _next(self, lane: float) -> float:
        """Return how far ahead (m) the next car is parked in the lane; one counts until it is
        passed."""
        params = self.spec.task.params
        ahead = self._parked[self._lanes == lane] - self._at
        seen = ahead[(ahead > -params['car_length_m']) & (ahead < params['sight_m'])]
        return float(seen[0] if len(seen) else params['sight_m'])

    def _values(self) -> Mapping[str, Vector]:
        half = self.spec.task.params['lane_m'] / 2
        odom = [self._beside, np.sin(self._heading / 2), self._speed, self._turn]
        lanes = zip(SIDES, (half, -half), strict=True)
        cars = {
            f'{side}_car': np.array([self._next(lane), lane - self._beside])
            for side, lane in lanes
        }
        return {'odom': np.array(odom), **cars}

    def supervisor(self) -> Vector:
        """Return (2,) m/s and rad/s: past the next parked car, else along the own lane."""
        half = self.spec.task.params['lane_m'] / 2
        nearest, taken = min((self._next(lane), lane) for lane in (half, -half))
        lane = -taken if nearest < AHEAD_M else np.copysign(half, self._beside)
        off = lane - self._beside
        heading = np.clip(AIM * off, -STEEPEST_RAD, STEEPEST_RAD)
        speed = SLOW if nearest < CLOSE_M and abs(off) > half / 2 else FAST
        bounded: Vector = np.clip(
            [speed, TURN * (heading - self._heading)], self.spec.low, self.spec.high
        )
        return bounded

    def _draw(self, image: NDArray[np.uint8]) -> None:
        params = self.spec.task.params
        lane, sight = params['lane_m'], params['sight_m']

        def at(x: float, y: float) -> Vector:
            return np.array([(x + sight / 4) / (1.25 * sight), 0.5 + y / (6 * lane)])

        for edge in (-lane, lane):
            line(image, at(-sight, edge), at(sight, edge))
        for dash in np.arange(-self._at % DASH_M - 2 * DASH_M, sight, DASH_M):
            line(image, at(dash, 0.0), at(dash + DASH_M / 2, 0.0), 1)
        radius = params['car_width_m'] / (6 * lane) / 2
        for x, y in zip(self._parked - self._at, self._lanes, strict=True):
            dot(image, at(x, y), radius, GREY)
        dot(image, at(0.0, self._beside), radius, BLUE)
