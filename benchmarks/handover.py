"""What a change of hands does to the command: limits kept, steps, ramps, and how long it takes.

    python benchmarks/handover.py --n 1000

Every round trip is policy -> human -> policy, on the gate core that GateNode and `il_loop.rollout`
run. Policy and human want opposite ends of every axis, beyond them too, and move while they do;
who gets the robot stands still until the command has caught up, so that a ramp has an end.
Robots: the shipped Pandas, and the Panda's seven joints under position control with the rates and
accelerations of its data sheet. Hand-over `instant` and `request`; asked by the gate or taken by
the human, given back by the gate or released by the human. Limits are computed here from the spec,
not by the code that keeps them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import measure
import numpy as np

from il_core.load import load_spec
from il_core.spec import Axis, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import (
    AxisKind,
    Cause,
    Command,
    Decision,
    EpisodeEvent,
    EventKind,
    ExpertAction,
    Frame,
    Mode,
    Owner,
    Press,
    Proposal,
    Vector,
)
from il_gating.api import Fitted, GateInputs
from il_gating.config import GateConfig
from il_gating.core import GateCore

# Franka Emika, robot and interface specifications: q min, q max, max dq, max ddq.
JOINTS = (
    (-2.8973, 2.8973, 2.175, 15.0),
    (-1.7628, 1.7628, 2.175, 7.5),
    (-2.8973, 2.8973, 2.175, 10.0),
    (-3.0718, -0.0698, 2.175, 12.5),
    (-2.8973, 2.8973, 2.61, 15.0),
    (-0.0175, 3.7525, 2.61, 20.0),
    (-2.8973, 2.8973, 2.61, 20.0),
)
READY = (0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785)
PATIENCE = 400  # ticks that a change of hands, or a ramp, may take at most


def joints() -> Spec:
    """Return the Panda's joints under position control, 20 Hz."""
    names = tuple(f'panda_joint{i}' for i in range(1, 8))
    axes = tuple(
        Axis(n, AxisKind.POSITION, low, high, 'rad', rate, accel, measured=f'joint_states/{n}')
        for n, (low, high, rate, accel) in zip(names, JOINTS, strict=True)
    )
    streams = (Stream('joint_states', 'joint_state', names),)
    return Spec(RobotSpec('panda_joints', 20.0, axes, streams), TaskSpec('t', 'panda_joints', 60))


SPECS = {'panda': load_spec('reach'), 'panda_yaw': load_spec('peg_insert'), 'joints': joints()}


class Told:
    """A gate that wants what it is told."""

    name, needs_expert_action, autonomous_start = 'told', False, True
    human = False

    def reset(self, rng: np.random.Generator) -> None:
        self.human = False

    def decide(self, inputs: GateInputs) -> Decision:
        return Decision(Owner.HUMAN, Cause.NOVELTY) if self.human else Decision(Owner.POLICY)


@dataclass(frozen=True)
class Change:
    """One change of hands, in ticks: from the decision until the human reacted (as drawn), and
    from then to `control`; after it until the command was where its owner wanted it (`ramp`), and
    how many of these were `marked` as transition. `moving`: something moved at the decision."""

    to: str
    reaction: int
    control: int
    ramp: int
    marked: int
    moving: bool


@dataclass
class Trip:
    """Everybody on one round trip."""

    spec: Spec
    handover: str
    by: str
    rng: np.random.Generator
    sent: list[Command] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng, axes = self.rng, len(self.spec.axes)
        self.gate = Told()
        config = GateConfig(
            self.handover,
            latency_s=float(rng.choice([0.0, 0.2])) if self.handover == 'request' else 0.0,
            hand_back_ticks=int(rng.integers(1, 5)),
            auto_start=True,
        )
        self.core = GateCore(self.spec, Fitted(self.gate, ''), config)
        self.side = rng.choice([-1.0, 1.0], axes)
        self.reach = rng.uniform(0.5, 1.5, (2, axes))
        self.pace = rng.uniform(0.05, 0.5, (2, axes))  # radians per tick of a swing
        self.tick, self.swings, self.swinging = 0, 0, True
        self.engaged, self.presses = False, [0] * len(Press)

    def wants(self, who: int) -> Vector:
        """Return (A,): policy (0) and human (1) at opposite ends, swinging by 0.4 of the range."""
        swing = 0.4 * np.sin(self.pace[who] * self.swings)
        share = self.side * (1 - 2 * who) * self.reach[who] + swing
        low, high = self.spec.low, self.spec.high
        out: Vector = (low + high) / 2 + share * (high - low) / 2
        return out

    def step(self, events: Sequence[EpisodeEvent] = ()) -> Mode:
        """Do one tick."""
        self.tick, self.swings = self.tick + 1, self.swings + self.swinging
        now_ns = self.tick * self.spec.period_ns
        vector = np.resize(READY, len(self.spec.frame_fields))
        frame = Frame(self.tick, now_ns, vector, (now_ns,) * len(self.spec.observed))
        proposal = Proposal(frame, '', self.spec.hash, self.wants(0))
        presses = tuple(self.presses)
        expert = ExpertAction(now_ns, self.wants(1), self.engaged, 'drawn', presses)
        out = self.core.update(proposal, expert, events, now_ns)
        assert out.command is not None
        self.sent.append(out.command)
        return out.state.mode

    def run(self) -> Trip:
        """Start, to the human, back to the policy."""
        self.step()
        self.step([EpisodeEvent(self.spec.period_ns, EventKind.STARTED, 'drawn', 0)])
        self._drive()
        self._change('human', Mode.SUPERVISOR)
        self._drive()
        self._change('policy', Mode.AUTONOMOUS)
        return self

    def _drive(self) -> None:
        for _ in range(int(self.rng.integers(5, 40))):
            self.step()

    def _change(self, to: str, mode: Mode) -> None:
        """Decide; the human reacts (holds the dead-man, lets go of it) after up to a second."""
        by_human, to_human = self.by == 'human', to == 'human'
        reaction = 0 if by_human or self.handover == 'instant' else int(self.rng.integers(0, 20))
        moving = self._moving()
        if by_human:
            self.presses[Press.TAKEOVER if to_human else Press.RELEASE] += 1
        else:
            self.gate.human = to_human
        for took in range(PATIENCE):
            if took == reaction:
                self.engaged = to_human
            if self.step() is mode:
                break
        else:
            raise RuntimeError(f'{to} never got control')
        reaction = min(reaction, took)
        ramp, marked = self._ramp(int(to_human))
        self.changes.append(Change(to, reaction, took - reaction, ramp, marked, moving))

    def _ramp(self, owner: int) -> tuple[int, int]:
        """Tick until the command is where its owner wants it; count, and count marked ones."""
        first, self.swinging = len(self.sent) - 1, False
        wanted = np.clip(self.wants(owner), self.spec.low, self.spec.high)
        while not np.array_equal(self.sent[-1].action, wanted):
            self.step()
            if len(self.sent) - first > PATIENCE:
                raise RuntimeError('the command never caught up')
        self.swinging = True
        ramp = self.sent[first:-1]
        return len(ramp), sum(c.transition for c in self.sent[first:])

    def _moving(self) -> bool:
        last, before = self.sent[-1].action, self.sent[-2].action
        rests = np.array([a.kind in (AxisKind.POSITION, AxisKind.LATCHED) for a in self.spec.axes])
        return bool(np.where(rests, last - before, last).any())


def judged(spec: Spec, sent: Sequence[Command]) -> tuple[int, int, Vector, Vector]:
    """Return ticks, violations, and per axis the greatest step as a share of its limit: at any
    tick, and at those on which the mode changed."""
    dt = 1 / spec.robot.rate_hz
    rate = np.array([a.max_rate * dt for a in spec.axes])
    accel = np.array([a.max_accel * dt * dt if a.max_accel else np.inf for a in spec.axes])
    path = np.array([c.action for c in sent])
    steps = np.diff(path, axis=0)
    share = np.abs(steps) / rate
    bad = (path < spec.low - 1e-9).sum() + (path > spec.high + 1e-9).sum()
    bad += (share > 1 + 1e-6).sum()
    bad += (np.abs(np.diff(steps, axis=0)) > accel * (1 + 1e-6)).sum()
    modes = np.array([c.mode for c in sent])
    changed = np.diff(modes) != 0
    return len(sent), int(bad), share.max(axis=0), share[changed].max(axis=0, initial=0)


def quantiles(values: Iterable[float], period_s: float) -> dict[str, float]:
    """Return p50, p95 and max, in ticks and seconds."""
    x = np.fromiter(values, float)
    named = {'p50': np.quantile(x, 0.5), 'p95': np.quantile(x, 0.95), 'max': x.max()}
    ticks = {f'{name}_ticks': float(v) for name, v in named.items()}
    return ticks | {f'{name}_s': float(v * period_s) for name, v in named.items()}


def cell(spec: Spec, trips: Sequence[Trip]) -> dict[str, Any]:
    """Sum up the round trips of one robot, hand-over and initiator."""
    verdicts = [judged(spec, trip.sent) for trip in trips]
    over, at = (np.max([v[i] for v in verdicts], axis=0) for i in (2, 3))
    out: dict[str, Any] = {
        'hand_overs': sum(len(trip.changes) for trip in trips),
        'commands': sum(v[0] for v in verdicts),
        'violations': sum(v[1] for v in verdicts),
        'moving': sum(c.moving for t in trips for c in t.changes),
        'step_share_at_switch': dict(zip(spec.axis_names, map(float, at), strict=True)),
        'step_share_ever': dict(zip(spec.axis_names, map(float, over), strict=True)),
    }
    period_s = 1 / spec.robot.rate_hz
    for to in ('human', 'policy'):
        changes = [c for t in trips for c in t.changes if c.to == to]
        out[f'to_{to}'] = {
            name: quantiles((getattr(c, name) for c in changes), period_s)
            for name in ('reaction', 'control', 'ramp', 'marked')
        }
    return out


def campaign(n: int, seed: int) -> dict[str, Any]:
    """Make `n` hand-overs or a few more: as many round trips for every robot, hand-over and
    initiator."""
    kinds = list(itertools.product(SPECS, ('instant', 'request'), ('gate', 'human')))
    each = max(1, -(-n // (2 * len(kinds))))
    cells = {}
    for number, (name, handover, by) in enumerate(kinds):
        rngs = [np.random.default_rng((seed, number, k)) for k in range(each)]
        trips = [Trip(SPECS[name], handover, by, rng).run() for rng in rngs]
        cells[f'{name}, {handover}, by {by}'] = cell(SPECS[name], trips)
    totals = {
        key: sum(c[key] for c in cells.values())
        for key in ('hand_overs', 'commands', 'violations', 'moving')
    }
    return {'what': 'hand-overs of the gate core', 'seed': seed, **totals, 'cells': cells}


def show(result: Mapping[str, Any]) -> None:
    """Print one line per cell."""
    print(f'{"p50/p95/max ticks":<30} n    bad  step  | to human  ramp        | back      ramp')
    for name, c in result['cells'].items():
        ticks = [
            '/'.join(f'{c[to][what][f"{q}_ticks"]:.0f}' for q in ('p50', 'p95', 'max'))
            for to in ('to_human', 'to_policy')
            for what in ('control', 'ramp')
        ]
        step = max(c['step_share_at_switch'].values())
        to, ramp, back, again = ticks
        columns = f'{to:<9} {ramp:<11} | {back:<9} {again}'
        print(f'{name:<30} {c["hand_overs"]:<4} {c["violations"]:<4} {step:.3f} | {columns}')
    total = [result[key] for key in ('hand_overs', 'commands', 'violations', 'moving')]
    print('{} hand-overs, {} commands, {} violations; {} while moving'.format(*total))


def main() -> None:
    parser = measure.parser(__doc__, 'handover')
    parser.add_argument('--n', type=int, default=1000, help='hand-overs, over all cells')
    args = parser.parse_args()
    result = campaign(args.n, args.seed)
    show(result)
    measure.write(args.out, result)


if __name__ == '__main__':
    main()
