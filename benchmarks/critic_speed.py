"""How fast the risk of thrifty_dagger is fitted: critic steps per second, and thresholds.

    python benchmarks/critic_speed.py --repeats 15

One step updates both critics (2 x 256, batch 50) on observations and actions of peg_insert; a
repeat trains 500 of them. Thresholds: both quantiles and the shared budget from 18,000 states. The
authors' code does 226 critic steps per second and takes 8 s for its thresholds on two such cores.
"""

from __future__ import annotations

import time

import measure
import numpy as np
import torch

from il_core.load import load_spec
from il_core.spec import Spec
from il_gating.calibrate import CALIBRATIONS, calibrate
from il_policy.critic import CriticConfig, Transitions, train_critic
from il_policy.normalize import Normalization

ROWS, STEPS, STATES = 10_000, 500, 18_000


def transitions(spec: Spec, rng: np.random.Generator) -> Transitions:
    """Return random steps, one in a hundred of which reaches the goal."""
    fields = (ROWS, len(spec.frame_fields))
    ends = rng.random((2, ROWS)) < 0.01
    actions = rng.uniform(spec.low, spec.high, (ROWS, len(spec.axes)))
    return Transitions(rng.normal(size=fields), actions, rng.normal(size=fields), *ends)


def rate(data: Transitions, spec: Spec, threads: int, seed: int) -> float:
    """Return critic steps per second."""
    normal = Normalization.fit(data.states, spec)
    config = CriticConfig(steps=STEPS, threads=threads)
    begin = time.perf_counter()
    train_critic(data, normal, lambda s: np.zeros((len(s), len(spec.axes))), config, seed=seed)
    return STEPS / (time.perf_counter() - begin)


def seconds(scores: np.ndarray, calibration: str) -> float:
    begin = time.perf_counter()
    calibrate(scores, 0.01, calibration)
    return time.perf_counter() - begin


def main() -> None:
    parser = measure.parser(__doc__, 'critic_speed')
    parser.add_argument('--repeats', type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng, spec = np.random.default_rng(args.seed), load_spec('peg_insert')
    data, scores = transitions(spec, rng), rng.normal(size=(STATES, 2))
    rate(data, spec, 1, args.seed)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for repeat in range(args.repeats):
        for threads, column in rates.items():
            column.append(rate(data, spec, threads, args.seed + repeat))
    took = {c: [seconds(scores, c) for _ in range(args.repeats)] for c in CALIBRATIONS}
    result = {
        'seed': args.seed,
        'critic_steps_per_s': {f'{n} threads': measure.spread(r) for n, r in rates.items()},
        'threshold_s': {name: measure.spread(values) for name, values in took.items()},
    }
    for name, values in result['critic_steps_per_s'].items():
        measure.row(f'critic steps/s, {name}', values, 0)
    for name, values in result['threshold_s'].items():
        measure.row(f'thresholds, {name}', values, 4, 's')
    measure.write(args.out, result)


if __name__ == '__main__':
    main()
