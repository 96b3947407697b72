"""Whether the policy is far from the expert here: a classifier on the policy's own features.

SafeDAgger (Zhang and Cho, AAAI 2017): two dense layers on features of the policy's net learn
whether its error in a state exceeds tau. The features are the last hidden layer of the ensemble's
first member; the trunk is part of the exported graph, so that it runs by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.types import Vector
from il_policy.ensemble import Ensemble
from il_policy.export import classifier_onnx
from il_policy.fitting import Fit, Rows
from il_policy.nets import Floats, Head, Net, Weights
from il_policy.normalize import Normalization
from il_policy.sampling import INIT, Batches

CLASSIFIER_RNG = 23  # first word of its seeds


@dataclass(frozen=True)
class ClassifierConfig:
    """How the classifier is trained."""

    hidden: tuple[int, ...] = (128, 128)
    batch: int = 100
    steps: int = 2500
    learning_rate: float = 1e-3


def train_classifier(
    states: Vector,
    unsafe: NDArray[np.bool_],
    net: Net,
    weights: Weights,
    normalization: Normalization,
    config: ClassifierConfig,
    *,
    seed: int,
) -> bytes:
    """Return the ONNX graph `observation` (N, F) -> `value` (N,), the probability of `unsafe`.

    Args:
        states: (N, F) where policy and expert were compared.
        unsafe: (N,) what was found there.
        net, weights, normalization: of the policy.

    Raises:
        UserError: no states, or a policy without a hidden layer.
    """
    if not len(states) or not net.hidden:
        raise UserError('states, hidden layers', (len(states), net.hidden), 'must not be none')
    trunk, kept = _trunk(net, weights)
    features = _features(trunk, kept, normalization.observation(states))
    head = Net(features.shape[1], 2, Head.LOGITS, 1, config.hidden)
    first = head.initial(np.random.default_rng((INIT, CLASSIFIER_RNG, seed)))
    batch = min(config.batch, len(states))
    rows = Rows(
        torch.from_numpy(features),
        torch.from_numpy(unsafe.astype(np.int64)),
        torch.ones(len(states)),
    )
    batches = Batches(np.arange(len(states)), 1, batch, seed, bootstrap=False)
    ensemble = Ensemble(head, first, batch, config.learning_rate)
    fit = Fit(ensemble, rows, batches, np.arange(0), config.steps)
    while not fit.done:
        fit.advance()
    return classifier_onnx(trunk, kept, head, fit.result(), normalization)


def _trunk(net: Net, weights: Weights) -> tuple[Net, dict[str, Floats]]:
    """Return the first member up to its last hidden layer."""
    trunk = Net(net.inputs, net.hidden[-1], Head.LINEAR, 1, net.hidden[:-1])
    return trunk, {name: weights[name][:1] for name in trunk.shapes}


def _features(trunk: Net, weights: Weights, x: Floats) -> Floats:
    for k in range(len(trunk.layers)):
        x = np.maximum(x @ weights[f'weight_{k}'][0] + weights[f'bias_{k}'][0], 0)
    return x
