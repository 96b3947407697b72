"""How long the gate takes for one tick: gate, switch and arbiter, in every mode that acts.

    python benchmarks/gate_speed.py --n 20000

Seven delta axes, gate `novelty`, a proposal and an expert action at every tick, one thread; what
GateNode and rollout spend besides messages, physics and the policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import measure
import numpy as np

from il_core.spec import Axis, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import (
    AxisKind,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    Mode,
    Press,
    Proposal,
)
from il_gating.config import GateConfig
from il_gating.core import GateCore
from il_gating.gates.novelty import Novelty

AXES, TICK_NS = 7, 50_000_000


def spec() -> Spec:
    axes = tuple(Axis(f'a{i}', AxisKind.DELTA, -1, 1, max_rate=4.0) for i in range(AXES))
    streams = (Stream('state', 'joint_state', tuple(f'j{i}' for i in range(51))),)
    return Spec(RobotSpec('bench', 20.0, axes, streams), TaskSpec('bench', 'bench', 1e6))


def ticks(mode: Mode, n: int, rng: np.random.Generator) -> Iterator[float]:
    """Yield the microseconds of each of `n` updates in `mode`."""
    robot = spec()
    gate = Novelty(robot, 1.0, 0.5, 10.0)
    core = GateCore(robot, gate, GateConfig(auto_start=True))
    human = mode is Mode.SUPERVISOR
    presses = [0] * len(Press)
    events = [EpisodeEvent(TICK_NS, EventKind.STARTED, 'bench')]
    for k in range(n + 3):
        presses[Press.TAKEOVER] = int(human and k == 2)
        now_ns = (k + 1) * TICK_NS
        mean, action = rng.uniform(-0.1, 0.1, (2, AXES))
        frame = Frame(k, now_ns, np.zeros(51), (now_ns,))
        proposal = Proposal(frame, '', robot.hash, mean, np.full(AXES, 1e-3))
        expert = ExpertAction(now_ns, action, human, '', tuple(presses))
        begun = time.perf_counter_ns()
        core.update(proposal, expert, events, now_ns)
        spent = time.perf_counter_ns() - begun
        events = []
        if k >= 3:
            assert core.mode is mode
            yield spent / 1000


def main() -> None:
    parser = measure.parser(__doc__, 'gate_speed')
    parser.add_argument('--n', type=int, default=20_000, help='ticks in each mode')
    args = parser.parse_args()
    result = {}
    for mode in (Mode.AUTONOMOUS, Mode.SUPERVISOR):
        values = measure.spread(ticks(mode, args.n, np.random.default_rng(args.seed)))
        result[mode.name] = values
        measure.row(mode.name, values, unit='us per tick')
    measure.write(args.out, {'seed': args.seed, 'update_us': result})


if __name__ == '__main__':
    main()
