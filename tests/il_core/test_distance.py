"""One distance for gates and operators: normalised, weighted, order-free on discrete axes."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.distance import Distance
from il_core.spec import Axis
from il_core.types import AxisKind

X = Axis('x', AxisKind.DELTA, -0.1, 0.1)
Y = Axis('y', AxisKind.VELOCITY, -2.0, 0.0, weight=3.0)
GEAR = Axis('gear', AxisKind.DISCRETE, 0.0, 5.0)


@pytest.mark.parametrize(
    ('axes', 'a', 'b', 'expected'),
    [
        ((X,), [0.1], [-0.1], 2.0),
        ((X,), [0.05], [0.0], 0.5),
        ((X, Y), [0.1, -1.0], [0.0, -1.0], 0.5),
        ((X, Y), [0.0, -1.0], [0.0, 0.0], np.sqrt(0.75)),
        ((GEAR,), [1.0], [2.0], 2.0),
        ((GEAR,), [0.0], [5.0], 2.0),
        ((GEAR,), [4.0], [4.0], 0.0),
    ],
)
def test_distance(axes, a, b, expected):
    distance = Distance(axes)
    assert distance(np.array(a), np.array(b)) == pytest.approx(expected)
    assert distance(np.array(b), np.array(a)) == pytest.approx(expected)


def test_distances_of_many_actions_are_those_of_each():
    rng, distance = np.random.default_rng(0), Distance((X, Y, GEAR))
    a, b = rng.uniform(-1, 1, (2, 50, 3))
    one_by_one = [distance(x, y) for x, y in zip(a, b, strict=True)]
    assert distance.rows(a, b).tolist() == one_by_one
    root = float(np.sqrt(np.mean([apart**2 for apart in one_by_one])))
    assert distance.root_mean_square(a, b) == root
    assert distance.rows(a[:0], b[:0]).shape == (0,)
