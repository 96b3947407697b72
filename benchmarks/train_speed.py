"""How fast an ensemble trains, in net-steps per second and as a share of the sgemm peak here.

    python benchmarks/train_speed.py --repeats 30

One repeat is a pair for one thread and a pair for `--threads`: sgemm of 2048 x 2048 matrices (best
of three), then one epoch of the training loop as `il train` runs it (order, gather, forward,
backward, Adam). The share is taken within a pair, so that a busy neighbour slows both.

Counted per net-step: the matrix products alone, 2 x batch x weights forward, as much for the
gradient of the weights, and as much again for the gradient of the inputs of every layer but the
first.
"""

from __future__ import annotations

import time

import measure
import numpy as np
import torch

from il_policy.ensemble import Ensemble
from il_policy.fitting import Fit, Rows
from il_policy.nets import Head, Net
from il_policy.sampling import Batches

ROWS, FIELDS, AXES, BATCH, PEAK_SIZE = 20_000, 51, 7, 100, 2048


def flops_per_net_step(net: Net, batch: int) -> int:
    """Return the floating point operations of one member's matrix products in one step."""
    products = [2 * batch * fan_in * fan_out for fan_in, fan_out in net.layers]
    return 3 * sum(products) - products[0]


def make_fit(net: Net, seed: int, threads: int) -> Fit:
    """Return a training of random rows with a budget that never ends."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(ROWS, FIELDS)).astype(np.float32))
    target = torch.from_numpy(rng.uniform(-1, 1, (ROWS, AXES)).astype(np.float32))
    ensemble = Ensemble(net, net.initial(rng), BATCH)
    batches = Batches(np.arange(ROWS), net.members, BATCH, seed)
    rows = Rows(x, target, torch.ones(ROWS))
    return Fit(ensemble, rows, batches, np.arange(0), 10**9, threads=threads)


def peak_flops(matrices: tuple[torch.Tensor, ...], threads: int) -> float:
    """Return floating point operations per second of one large product, best of three."""
    a, b, out = matrices
    times = []
    torch.set_num_threads(threads)
    for _ in range(3):
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        times.append(time.perf_counter() - begin)
    torch.set_num_threads(1)
    return 2 * PEAK_SIZE**3 / min(times)


def net_steps_per_s(fit: Fit, members: int) -> float:
    """Return the rate of one epoch."""
    step, begin = fit.step, time.perf_counter()
    fit.advance()
    return members * (fit.step - step) / (time.perf_counter() - begin)


def main() -> None:
    parser = measure.parser(__doc__, 'train_speed')
    parser.add_argument('--repeats', type=int, default=20)
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    net = Net(FIELDS, AXES, Head.TANH)
    flops = flops_per_net_step(net, BATCH)
    fits = {n: make_fit(net, args.seed, n) for n in sorted({1, args.threads})}
    matrices = tuple(torch.rand(PEAK_SIZE, PEAK_SIZE) for _ in range(3))
    pairs: dict[int, list[tuple[float, float]]] = {n: [] for n in fits}
    for _ in range(1 + args.repeats):
        for threads, fit in fits.items():
            peak = peak_flops(matrices, threads)
            pairs[threads].append((peak, net_steps_per_s(fit, net.members)))
    result: dict[str, object] = {
        'what': f'{net.members} x {FIELDS}-256-256-{AXES}, {ROWS} rows, batch {BATCH}',
        'seed': args.seed,
        'flops_per_net_step': flops,
    }
    for threads, found in pairs.items():
        peaks, rates = np.array(found[1:]).T
        rows = {
            'net_steps_per_s': measure.spread(rates),
            'sgemm_gflops': measure.spread(peaks / 1e9),
            'share_of_peak_percent': measure.spread(100 * rates * flops / peaks),
        }
        result[f'threads_{threads}'] = rows
        for name, values in rows.items():
            measure.row(f'{name}, {threads} threads', values)
    measure.write(args.out, result)


if __name__ == '__main__':
    main()
