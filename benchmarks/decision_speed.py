"""How long one decision of an ensemble takes: one frame in; mean, variance and members out.

    python benchmarks/decision_speed.py --n 20000

5 x (51 -> 256 -> 256 -> 7), batch 1, one thread, called the way policy `bc` calls it. The runtimes
take turns within the run. `read the weights` is one dot product over as many numbers as the net
has.
"""

# ruff: noqa: E402 (threads are set before numpy is loaded)
from __future__ import annotations

import os

for _name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ[_name] = '1'

import time
from collections.abc import Callable

import measure
import numpy as np
import torch

from il_core.types import Vector
from il_policy.export import to_onnx
from il_policy.nets import Head, Net, Weights
from il_policy.normalize import Normalization
from il_policy.runtime import NumpyRuntime, OnnxRuntime, Output

FIELDS, AXES, BLOCK = 51, 7, 200


def torch_decide(net: Net, weights: Weights, normal: Normalization) -> Callable[[Vector], Output]:
    """Return the same decision made by torch, all members in one product per layer."""
    tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
    layers = [(tensors[f'weight_{k}'], tensors[f'bias_{k}']) for k in range(len(net.layers))]
    scale, offset = normal.scale, normal.offset
    mean, std = np.array(normal.mean), np.array(normal.std)

    @torch.inference_mode()
    def decide(frame: Vector) -> Output:
        x = torch.from_numpy(((frame[None] - mean) / std).astype(np.float32))
        y = x.expand(net.members, *x.shape)
        for k, (weight, bias) in enumerate(layers):
            y = torch.baddbmm(bias, y.relu() if k else y, weight)
        members = y.tanh()[:, 0].numpy() * scale + offset
        return Output(members.mean(axis=0), members.var(axis=0), members)

    return decide


def contenders(seed: int) -> dict[str, Callable[[Vector], object]]:
    """Return what is compared, all with the same weights."""
    rng = np.random.default_rng(seed)
    net = Net(FIELDS, AXES, Head.TANH)
    weights = net.initial(rng)
    normal = Normalization((0.1,) * FIELDS, (0.9,) * FIELDS, (-0.1,) * AXES, (0.1,) * AXES)
    flat = np.concatenate([w.ravel() for w in weights.values()])
    return {
        'onnxruntime': OnnxRuntime(to_onnx(net, normal, weights)).decide,
        'numpy': NumpyRuntime(net, normal, weights).decide,
        'torch': torch_decide(net, weights, normal),
        'read the weights': lambda frame: np.dot(flat, flat),
    }


def main() -> None:
    parser = measure.parser(__doc__, 'decision_speed')
    parser.add_argument('--n', type=int, default=20_000, help='decisions of each runtime')
    args = parser.parse_args()
    torch.set_num_threads(1)
    compared = contenders(args.seed)
    frames = np.random.default_rng(args.seed).normal(size=(BLOCK, FIELDS))
    times: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(1 + args.n // BLOCK):
        for name, decide in compared.items():
            for frame in frames:
                begin = time.perf_counter()
                decide(frame)
                times[name].append(time.perf_counter() - begin)
    result = {
        'what': f'5 x ({FIELDS} -> 256 -> 256 -> {AXES}), batch 1, one thread, microseconds',
        'seed': args.seed,
        **{name: measure.spread(1e6 * np.array(t[BLOCK:])) for name, t in times.items()},
    }
    for name in compared:
        measure.row(name, result[name], 1, 'µs')
    measure.write(args.out, result)


if __name__ == '__main__':
    main()
