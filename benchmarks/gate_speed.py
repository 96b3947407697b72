"""How long the gate takes for one tick: gate, switch and arbiter, in every mode that acts.

    python benchmarks/gate_speed.py --n 20000

Seven delta axes, gates `novelty` and `thrifty_dagger` (whose critics, 2 x 256, judge every
proposal), a proposal and an expert action at every tick, one thread; what GateNode and rollout
spend besides messages, physics and the policy.
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
from il_gating.api import Fitted, Gate
from il_gating.config import GateConfig
from il_gating.core import GateCore
from il_gating.gates.novelty import Novelty
from il_gating.gates.thrifty_dagger import ThriftyDagger, ThriftyParams
from il_gating.scorer import Scorer
from il_policy.export import critic_onnx
from il_policy.nets import Head, Net
from il_policy.normalize import Normalization

AXES, TICK_NS = 7, 50_000_000


def spec() -> Spec:
    axes = tuple(Axis(f'a{i}', AxisKind.DELTA, -1, 1, max_rate=4.0) for i in range(AXES))
    streams = (Stream('state', 'joint_state', tuple(f'j{i}' for i in range(51))),)
    return Spec(RobotSpec('bench', 20.0, axes, streams), TaskSpec('bench', 'bench', 1e6))


def novelty(robot: Spec) -> Gate:
    return Novelty(robot, 1.0, 0.5, 10.0)


def thrifty(robot: Spec) -> Gate:
    """Return a gate with random critics that never asks and never hands back."""
    rng, fields = np.random.default_rng(0), len(robot.frame_fields)
    normal = Normalization.fit(rng.normal(size=(50, fields)), robot)
    net = Net(fields + AXES, 1, Head.SIGMOID, 2)
    critic = Scorer(critic_onnx(net, normal, net.initial(rng)))
    scores = np.ones((100, 2))
    return ThriftyDagger(robot, critic, scores, 0.0, 0.01, ThriftyParams())


GATES = {'novelty': novelty, 'thrifty_dagger': thrifty}


def ticks(name: str, mode: Mode, n: int, rng: np.random.Generator) -> Iterator[float]:
    """Yield the microseconds of each of `n` updates in `mode`."""
    robot = spec()
    gate = GATES[name](robot)
    core = GateCore(robot, Fitted(gate, ''), GateConfig(auto_start=True))
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
    for name in GATES:
        result[name] = {}
        for mode in (Mode.AUTONOMOUS, Mode.SUPERVISOR):
            values = measure.spread(ticks(name, mode, args.n, np.random.default_rng(args.seed)))
            result[name][mode.name] = values
            measure.row(f'{name}, {mode.name}', values, unit='us per tick')
    measure.write(args.out, {'seed': args.seed, 'update_us': result})


if __name__ == '__main__':
    main()
