"""The shape of an ensemble of MLPs, and its first weights. Torch-free."""

from __future__ import annotations

import enum
import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError
from il_core.spec import Spec
from il_core.types import AxisKind

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]


class Head(enum.Enum):
    """What the last layer's numbers mean: actions in normalised units, one logit per class, or
    probabilities (values of a critic)."""

    LINEAR = 'linear'
    TANH = 'tanh'
    LOGITS = 'logits'
    SIGMOID = 'sigmoid'


@dataclass(frozen=True)
class Net:
    """M multilayer perceptrons with ReLU between layers, kept as one batched model.

    The weights of layer k are `weight_k` (M, in, out) and `bias_k` (M, 1, out), float32; layer by
    layer they fill one flat buffer of `size` numbers.
    """

    inputs: int
    outputs: int
    head: Head
    members: int = 5
    hidden: tuple[int, ...] = (256, 256)

    def __post_init__(self) -> None:
        for name in ('inputs', 'outputs', 'members'):
            if getattr(self, name) < 1:
                raise UserError(f'net: {name}', getattr(self, name), 'must be at least 1')
        if any(width < 1 for width in self.hidden):
            raise UserError('net: hidden', self.hidden, 'must be at least 1 wide')

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """(in, out) of every layer."""
        widths = (self.inputs, *self.hidden, self.outputs)
        return tuple(itertools.pairwise(widths))

    @functools.cached_property
    def shapes(self) -> Mapping[str, tuple[int, int, int]]:
        """Name to shape of every parameter, in the order of the flat buffer."""
        shapes = {}
        for k, (fan_in, fan_out) in enumerate(self.layers):
            shapes[f'weight_{k}'] = (self.members, fan_in, fan_out)
            shapes[f'bias_{k}'] = (self.members, 1, fan_out)
        return shapes

    @property
    def size(self) -> int:
        """Number of parameters of all members."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def initial(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Return first weights: uniform in ±1/sqrt(in), weights and biases, drawn per member."""
        weights = {}
        for (name, shape), k in zip(self.shapes.items(), range(2 * len(self.layers)), strict=True):
            bound = 1 / math.sqrt(self.layers[k // 2][0])
            weights[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
        return weights

    def check(self, weights: Weights, where: str) -> None:
        """Raise UserError where `weights` are not this net's, naming the parameter."""
        for name, shape in self.shapes.items():
            found = weights[name].shape if name in weights else None
            if found != shape:
                raise UserError(f'{where}: {name}', found, f'must have shape {shape}')


def head_of(spec: Spec, continuous: Head) -> Head:
    """Return the head that the axes of `spec` need: logits for a single discrete axis.

    Raises:
        UserError: a discrete axis beside others, which a single softmax cannot describe.
    """
    discrete = [a.name for a in spec.axes if a.kind is AxisKind.DISCRETE]
    if not discrete:
        return continuous
    if len(spec.axes) > 1:
        raise UserError(
            'axes', spec.axis_names, 'bc takes continuous axes, or one discrete axis alone'
        )
    return Head.LOGITS


def outputs_of(spec: Spec) -> int:
    """Return the width of the last layer: one per continuous axis, one per class of a discrete
    axis."""
    axis = spec.axes[0]
    if axis.kind is AxisKind.DISCRETE:
        return round(axis.high - axis.low) + 1
    return len(spec.axes)
