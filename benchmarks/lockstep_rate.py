"""How fast the real graph ticks in lockstep, next to real time.

    python benchmarks/lockstep_rate.py --episodes 5

Demonstrations of task reach: simulator, policy, gate, teleop, scripted operator and recorder as
processes; every tick goes through all of them. Ticks per second inside the episodes, and seconds
from the end of one bag to the first step of the next episode.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import measure

from il_core.load import load_spec
from il_ros.collect import Plan, Watch, collect
from il_ros.graph_args import GraphArgs
from il_ros.session import Collected


class Clock(Watch):
    """Times episodes by the steps that the gate reports."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.between_s: list[float] = []
        self._begin_s = self._last_s = self._done_s = 0.0
        self._first = self._last = 0

    def step(self, seed: int, step: int) -> None:
        now_s = time.monotonic()
        if not self._begin_s:
            self._begin_s, self._first = now_s, step
            if self._done_s:
                self.between_s.append(now_s - self._done_s)
        self._last_s, self._last = now_s, step

    def done(self, episode: Collected) -> None:
        if self._last > self._first:
            self.rates.append((self._last - self._first) / (self._last_s - self._begin_s))
        self._begin_s, self._done_s = 0.0, time.monotonic()


def main() -> None:
    parser = measure.parser(__doc__, 'lockstep_rate')
    parser.add_argument('--episodes', type=int, default=10)
    args = parser.parse_args()
    os.environ.setdefault('ROS_DOMAIN_ID', '42')
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        seeds = tuple(range(args.seed, args.seed + args.episodes))
        graph_args = GraphArgs(
            mode='demonstrate', operator='scripted', lockstep=True, handover='instant', run=folder
        )
        collect(Plan(Path(folder), seeds), graph_args, clock)
    rate_hz = load_spec('reach').robot.rate_hz
    result = {
        'ticks_per_s': measure.spread(clock.rates),
        'between_episodes_s': measure.spread(clock.between_s),
        'real_time_hz': rate_hz,
    }
    measure.row('ticks per second', result['ticks_per_s'], 1)
    measure.row('between episodes', result['between_episodes_s'], 3, 's')
    print(f'{result["ticks_per_s"]["median"] / rate_hz:.1f} times real time')
    measure.write(args.out, result)


if __name__ == '__main__':
    main()
