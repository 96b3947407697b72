"""What one step of `il_loop.rollout` costs besides physics and inference.

    OPENBLAS_NUM_THREADS=1 python benchmarks/rollout_overhead.py --out overhead.json

What is left is alignment, operator, joystick mapping, gate, switch, arbiter and book-keeping. It
is measured twice. `by itself`: world and policy return what they returned before, so that the
loop is all there is. `beside physics`: a tick of the real world is timed from one `observe` to
the next, and what the world (observe, supervisor, step) and the policy (propose) took within it
is subtracted; milliseconds of physics have then thrown the loop out of the processor's caches.
The policy is an untrained net of the size that is used (5 x 2x256). Times are those of the
thread, so that other processes count less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from il_core.load import load_spec
from il_core.types import Frame, Outcome, Proposal
from il_loop.cast import Cast, make_loop
from il_policy.nets import Head, Net
from il_policy.normalize import Normalization
from il_policy.policies.bc import BcPolicy
from il_policy.runtime import NumpyRuntime
from il_sim.api import make_world

LIMIT_US = 50.0
LAST = 200  # ticks of an episode of `Still`
TICKS = LAST + 10  # with those before its start
Ticks = NDArray[np.float64]
CASES = {
    'policy acts, no human': Cast('policy_only'),
    'human demonstrates over the joystick': Cast('expert_only', operator={'style': 'always'}),
    'policy acts, human watches': Cast(
        'hg_dagger', operator={'style': 'own_judgement', 'takeover_distance': 100.0}
    ),
}


@dataclass(frozen=True)
class Row:
    """Microseconds per tick of one case: `alone_*` by itself over `n_alone` ticks, the others
    beside physics over `n`."""

    case: str
    n_alone: int
    alone_median: float
    alone_p95: float
    n: int
    beside_median: float
    world_median: float
    policy_median: float


class Still:
    """A world that shows one instant for ever."""

    def __init__(self, world: Any) -> None:
        self.spec, self.has_supervisor = world.spec, True
        world.reset(0)
        self._seen, self._advice, self._ticks = world.observe(), world.supervisor(), 0

    def reset(self, seed: int) -> None:
        self._ticks = 0

    def observe(self) -> Any:
        return self._seen

    def supervisor(self) -> Any:
        return self._advice

    def step(self, action: Any) -> Outcome:
        self._ticks += 1
        return Outcome.TIMEOUT if self._ticks >= LAST else Outcome.UNKNOWN


class Sure:
    """A policy that proposes the same thing for ever."""

    def __init__(self, policy: BcPolicy, frame: Frame) -> None:
        self.spec, self.checkpoint_id = policy.spec, policy.checkpoint_id
        made = policy.propose(frame)
        self._rest = (made.checkpoint_id, made.spec_hash, made.mean, made.variance, made.members)

    def reset(self) -> None:
        pass

    def propose(self, frame: Frame) -> Proposal:
        return Proposal(frame, *self._rest)


class Meter:
    """Adds up what was spent inside of the calls it wraps, tick by tick."""

    def __init__(self) -> None:
        self.ticks: list[tuple[float, float, float]] = []
        self._spent = {'world': 0.0, 'policy': 0.0}
        self._begin = 0.0

    def timed(self, kind: str, call: Callable[..., Any], *args: Any) -> Any:
        begin = time.thread_time()
        try:
            return call(*args)
        finally:
            self._spent[kind] += time.thread_time() - begin

    def next_tick(self) -> None:
        now = time.thread_time()
        if self._begin:
            self.ticks.append((now - self._begin, self._spent['world'], self._spent['policy']))
        self._spent = {'world': 0.0, 'policy': 0.0}
        self._begin = now

    def pause(self) -> None:
        """What follows is no tick (a reset)."""
        self._begin = 0.0


class TimedWorld:
    """A world that reports to a meter."""

    def __init__(self, world: Any, meter: Meter) -> None:
        self._world, self._meter, self.spec = world, meter, world.spec
        self.has_supervisor = world.has_supervisor

    def reset(self, seed: int) -> None:
        self._meter.pause()
        self._world.reset(seed)

    def observe(self) -> Any:
        self._meter.next_tick()
        return self._meter.timed('world', self._world.observe)

    def supervisor(self) -> Any:
        return self._meter.timed('world', self._world.supervisor)

    def step(self, action: Any) -> Any:
        return self._meter.timed('world', self._world.step, action)


class TimedPolicy:
    """A policy that reports to a meter."""

    def __init__(self, policy: Any, meter: Meter) -> None:
        self._policy, self._meter = policy, meter
        self.spec, self.checkpoint_id = policy.spec, policy.checkpoint_id

    def reset(self) -> None:
        self._policy.reset()

    def propose(self, frame: Frame) -> Proposal:
        made: Proposal = self._meter.timed('policy', self._policy.propose, frame)
        return made


def untrained(world: Any) -> BcPolicy:
    """Return a policy with random weights, fitted to nothing but the size of a frame."""
    rng, spec = np.random.default_rng(0), world.spec
    frames = rng.normal(size=(100, len(spec.frame_fields)))
    net = Net(len(spec.frame_fields), len(spec.axes), Head.TANH, 5, (256, 256))
    scale = Normalization.fit(frames, spec, 0.01)
    return BcPolicy(spec, '', NumpyRuntime(net, scale, net.initial(rng)))


def by_itself(world: Any, cast: Cast, episodes: int) -> Ticks:
    """Return (N,) microseconds per tick, each the mean over an episode."""
    still, observed = Still(world), world.spec.observed
    vector = np.concatenate([still.observe()[s.name] for s in observed])
    sure = Sure(untrained(world), Frame(0, 0, vector, (0,) * len(observed)))
    loop = make_loop(still, cast, policy=sure)  # type: ignore[arg-type]
    times = []
    for seed in range(episodes):
        begin = time.thread_time()
        loop.episode(seed, f'e{seed}')
        times.append((time.thread_time() - begin) / TICKS * 1e6)
    return np.array(times)


def beside_physics(world: Any, cast: Cast, episodes: int) -> Ticks:
    """Return (N, 3) microseconds per tick: overhead, world, policy."""
    meter = Meter()
    timed = TimedPolicy(untrained(world), meter)
    loop = make_loop(TimedWorld(world, meter), cast, policy=timed)  # type: ignore[arg-type]
    for seed in range(episodes):
        loop.episode(seed, f'e{seed}')
    total, inside, inference = np.array(meter.ticks[20:]).T * 1e6
    return np.stack([total - inside - inference, inside, inference], axis=1)


def measure(world: Any, name: str, cast: Cast, episodes: int) -> Row:
    alone = by_itself(world, cast, 5 * episodes)
    beside = beside_physics(world, cast, episodes)
    middle, late = float(np.median(alone)), float(np.quantile(alone, 0.95))
    medians = np.median(beside, axis=0).tolist()
    return Row(name, len(alone) * TICKS, middle, late, len(beside), *medians)


def show(rows: list[Row]) -> None:
    head = ('by itself', 'p95', 'beside physics', 'world', 'policy')
    print(f'{"microseconds per tick":<38}' + ''.join(f'{word:>16}' for word in head))
    for r in rows:
        cells = (r.alone_median, r.alone_p95, r.beside_median, r.world_median, r.policy_median)
        print(f'{r.case:<38}' + ''.join(f'{cell:>16.1f}' for cell in cells))
    words = [
        f'{name} {"kept" if max(values) <= LIMIT_US else "EXCEEDED"}'
        for name, values in (
            ('by itself', [r.alone_median for r in rows]),
            ('beside physics', [r.beside_median for r in rows]),
        )
    ]
    print(f'n: {rows[0].n_alone} and {rows[0].n} ticks; limit {LIMIT_US:g}: {", ".join(words)}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--task', default='reach')
    parser.add_argument('--episodes', type=int, default=10, help='beside physics; 5 x by itself')
    parser.add_argument('--out', type=Path)
    args = parser.parse_args()
    load = os.getloadavg()[0]
    world = make_world(load_spec(args.task))
    rows = [measure(world, name, cast, args.episodes) for name, cast in CASES.items()]
    show(rows)
    if args.out:
        about = {'task': args.task, 'limit_us': LIMIT_US, 'load_before': load}
        about |= {'machine': platform.platform(), 'cpus': os.cpu_count()}
        text = json.dumps({**about, 'rows': [asdict(r) for r in rows]}, indent=1)
        args.out.write_text(text + '\n')


if __name__ == '__main__':
    main()
