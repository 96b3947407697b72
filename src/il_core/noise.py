"""How strong noise on actions is, for gates that add it and for a human who is not exact."""

from __future__ import annotations

import numpy as np

from il_core.spec import Spec
from il_core.types import AxisKind, Vector

NOISY = (AxisKind.POSITION, AxisKind.VELOCITY, AxisKind.DELTA)


def deviations(spec: Spec, noise: float) -> Vector:
    """Return (A,) standard deviations in action units; latched and discrete axes get none.

    Args:
        noise: in normalised units, 1 is half an axis' range.
    """
    half = (spec.high - spec.low) / 2
    strong: Vector = noise * half * np.array([axis.kind in NOISY for axis in spec.axes])
    return strong
