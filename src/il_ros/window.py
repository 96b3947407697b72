"""Numbers of the last seconds, for diagnostics: p50, p95, max."""

from __future__ import annotations

import math
from collections import deque

import numpy as np


class Window:
    """The last `size` values of something."""

    def __init__(self, name: str, size: int = 100) -> None:
        self._name, self._values = name, deque[float](maxlen=size)

    def add(self, value: float) -> None:
        """Take in one value; NaN counts as none."""
        if not math.isnan(value):
            self._values.append(value)

    def add_since(self, begun_ns: int, now_ns: int) -> None:
        """Take in the seconds between two times of one clock."""
        self.add((now_ns - begun_ns) * 1e-9)

    def summary(self) -> dict[str, object]:
        """Return `name_p50`, `name_p95`, `name_max`; empty where there are no values."""
        if not self._values:
            return {}
        p50, p95 = np.percentile(self._values, (50, 95))
        numbers = {'p50': float(p50), 'p95': float(p95), 'max': max(self._values)}
        return {f'{self._name}_{key}': value for key, value in numbers.items()}
