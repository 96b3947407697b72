"""An ensemble in training: its members, and what is said about all of them."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from il_policy.member import Member
from il_policy.nets import Floats, Net, Weights


class Ensemble:
    """M nets, each a `Member` that learns apart from the others.

    Args:
        net: the shape.
        weights: first parameters, by name.
        batch: rows per member and step.
        learning_rate, weight_decay: of AdamW (plain Adam where weight_decay is 0).

    Attributes:
        members: the nets; a step of one changes nothing of another.
        flat: (M, P) all parameters, a member's in one row.
    """

    def __init__(
        self,
        net: Net,
        weights: Weights,
        batch: int = 100,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
    ) -> None:
        self.net = net
        self._kept = torch.zeros(net.members, 3, net.size // net.members)
        self.flat = self._kept[:, 0]
        self.members = [Member(net, k, batch, learning_rate, weight_decay) for k in self._kept]
        for name, parts in self._parameters().items():
            for part, first in zip(parts, weights[name], strict=True):
                part.copy_(torch.from_numpy(first))

    def take_loss(self) -> Tensor:
        """Return (M,) the sum over steps of the batch's mean loss, since it was last taken."""
        return torch.stack([member.take_loss() for member in self.members])

    def weights(self) -> dict[str, Floats]:
        """Return a copy of the parameters by name."""
        return {name: torch.stack(parts).numpy() for name, parts in self._parameters().items()}

    def state(self) -> dict[str, Floats]:
        """Return a copy of the parameters and of Adam's moments."""
        return {'members': self._kept.numpy().copy()}

    def restore(self, arrays: Weights, step: int) -> None:
        """Go on after `step` steps from what `state` returned."""
        self._kept.copy_(torch.from_numpy(np.array(arrays['members'])))
        for member in self.members:
            member.adam.count.fill_(step)

    def _parameters(self) -> dict[str, tuple[Tensor, ...]]:
        """Return every member's own part of each parameter, by name."""
        each = (itertools.chain(*zip(m.weights, m.biases, strict=True)) for m in self.members)
        return dict(zip(self.net.shapes, zip(*each, strict=True), strict=True))
