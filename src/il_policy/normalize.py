"""Physical units to the net's units and back. Kept in the checkpoint and in the exported graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from il_core.spec import Spec
from il_core.types import Vector
from il_policy.nets import Floats


@dataclass(frozen=True)
class Normalization:
    """Observations to mean 0 and spread 1, actions from [low, high] of the spec to [-1, 1].

    `mean` and `std` have F entries, `low` and `high` A. A spread below the floor is raised to it,
    so that a field that hardly moved in the data is not blown up when it moves later.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, observations: Vector, spec: Spec, floor: float = 0.01) -> Normalization:
        """Measure mean and spread of (N, F) observations; `floor` is in the fields' own units."""
        std = np.maximum(observations.std(axis=0), floor)
        mean = observations.mean(axis=0)
        return cls(
            tuple(mean.tolist()),
            tuple(std.tolist()),
            tuple(spec.low.tolist()),
            tuple(spec.high.tolist()),
        )

    @property
    def scale(self) -> Vector:
        """(A,) action units per normalised unit."""
        return np.subtract(self.high, self.low, dtype=np.float64) / 2

    @property
    def offset(self) -> Vector:
        """(A,) the action at normalised 0."""
        return np.add(self.high, self.low, dtype=np.float64) / 2

    def observation(self, observations: Vector) -> Floats:
        """Return (N, F) float32 in the net's units."""
        scaled: Vector = (observations - np.array(self.mean)) / np.array(self.std)
        return scaled.astype(np.float32)

    def target(self, actions: Vector) -> Floats:
        """Return (N, A) float32 in normalised action units."""
        scaled: Vector = (actions - self.offset) / self.scale
        return scaled.astype(np.float32)

    def classes(self, actions: Vector) -> NDArray[np.int64]:
        """Return (N,) class numbers of a single discrete axis (N, 1)."""
        return np.rint(actions[:, 0] - self.low[0]).astype(np.int64)
