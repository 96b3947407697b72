"""Numbers with their uncertainty: success rates, paired differences, means."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from il_core.errors import UserError

Z95 = 1.959963984540054  # 97.5 % quantile of the standard normal
ROOT_STEPS = 60  # halvings: 2/2^60 is below float resolution
Range = tuple[float, float]
ANYWHERE: Range = (-math.inf, math.inf)
SHARE: Range = (0.0, 1.0)
POSITIVE: Range = (0.0, math.inf)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval and the number of episodes or pairs behind it."""

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UserError('n', self.n, 'a number needs at least one episode')


def wilson(successes: int, n: int) -> Estimate:
    """Return the share successes/n with Wilson's score interval.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927), 209-212.
    """
    if n < 1:
        raise UserError('n', n, 'a success rate needs at least one episode')
    share, z2 = successes / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(share, low, high, n)


def paired_difference(before: Sequence[bool], after: Sequence[bool]) -> Estimate:
    """Return share(after) − share(before) on the same seeds, with Tango's score interval.

    Only seeds on which the two differ carry information, so the interval is narrower than that
    of two independent samples. Source: Tango, "Equivalence test and confidence interval for the
    difference in proportions for the paired-sample design", Statistics in Medicine 17 (1998),
    891-908 (the root of the score statistic is bracketed and halved here).

    Raises:
        UserError: the two have different lengths, or none.
    """
    if len(before) != len(after) or not before:
        raise UserError(
            'paired episodes', (len(before), len(after)), 'must be the same seeds, at least one'
        )
    n = len(before)
    gained = sum(b and not a for a, b in zip(before, after, strict=True))
    lost = sum(a and not b for a, b in zip(before, after, strict=True))
    value = (gained - lost) / n
    low = _root(lambda d: _tango(gained, lost, n, d) - Z95, -1.0, value)
    high = _root(lambda d: _tango(gained, lost, n, d) + Z95, value, 1.0)
    return Estimate(value, low, high, n)


def mean(values: Sequence[float], within: Range = ANYWHERE) -> Estimate:
    """Return the mean of independent values with Student's t interval, cut off where a value
    cannot be (`within`). Of a single value there is no interval: low and high are the value.

    A bootstrap of as few values as there are seeds is too narrow: of five it covers 85 %, not 95.
    Source: Student, "The probable error of a mean", Biometrika 6 (1908), 1-25.
    """
    data = np.asarray(values, np.float64)
    if not len(data):
        raise UserError('values', [], 'a mean needs at least one')
    return _around(float(data.mean()), data, within)


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Return sum(above) / sum(below) of independent pairs, all 0 or above, with Student's t on
    what each pair leaves of the ratio. Source: Cochran, "Sampling Techniques" (3rd ed., 1977), on
    the estimation of a ratio.

    Raises:
        UserError: the two have different lengths, or none, or `below` adds up to 0.
    """
    pairs = np.column_stack([above, below]) if len(above) == len(below) else np.empty((0, 2))
    if not len(pairs) or not pairs[:, 1].sum():
        raise UserError('pairs', (len(above), len(below)), 'a ratio needs pairs, not all of 0')
    value = float(pairs[:, 0].sum() / pairs[:, 1].sum())
    left = (pairs[:, 0] - value * pairs[:, 1]) / pairs[:, 1].mean()
    return _around(value, left, POSITIVE)


def roc_area(positive: Sequence[float], negative: Sequence[float]) -> Estimate:
    """Return the area under the ROC curve, how often a positive is above a negative (ties by
    half), with an interval that stays open where the two do not overlap.

    Source: Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2", Statistics in Medicine 25 (2006), 559-573, method 5 (Hanley and McNeil's
    variance at the bound itself).

    Raises:
        UserError: one of the two is empty.
    """
    above, below = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    m, n = len(above), len(below)
    if not m or not n:
        raise UserError('positives, negatives', (m, n), 'an area needs some of both')
    value = float((above[:, None] > below).mean() + (above[:, None] == below).mean() / 2)
    half = (m + n) / 2 - 1

    def gap(area: float) -> float:
        spread = 1 + half * (1 - area) / (2 - area) + half * area / (1 + area)
        return Z95 * math.sqrt(max(area * (1 - area) * spread / (m * n), 0.0))

    low = 0.0 if value <= 0 else _root(lambda a: value - a - gap(a), 0.0, value)
    high = 1.0 if value >= 1 else _root(lambda a: value - a + gap(a), value, 1.0)
    return Estimate(value, low, high, m + n)


def _around(value: float, data: NDArray[np.float64], within: Range) -> Estimate:
    """Return a value with t standard errors of the mean of `data` to both sides."""
    n, half = len(data), 0.0
    if n > 1:
        half = student(n - 1) * float(data.std(ddof=1)) / math.sqrt(n)
    return Estimate(value, max(value - half, within[0]), min(value + half, within[1]), n)


@functools.cache
def student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t with so many degrees of freedom.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.7.3 and 26.7.4:
    P(|T| < t) in closed form, theta = atan(t / sqrt(freedom)).
    """

    def inside(theta: float) -> float:
        odd, cosine = freedom % 2, math.cos(theta)
        term, total = (cosine if odd else 1.0), 0.0
        for k in range(2 + odd, freedom + 1, 2):
            total += term
            term *= (k - 1) / k * cosine * cosine
        share = math.sin(theta) * total
        return (theta + share) * 2 / math.pi if odd else share

    return math.sqrt(freedom) * math.tan(_root(lambda x: 0.95 - inside(x), 0.0, math.pi / 2))


def _tango(gained: int, lost: int, n: int, delta: float) -> float:
    """Return the score statistic of the hypothesis that the true difference is `delta`."""
    a = 2 * n
    b = -gained - lost + (2 * n - gained + lost) * delta
    c = -lost * delta * (1 - delta)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * share + delta * (1 - delta))
    distance = gained - lost - n * delta
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Return where the falling function f crosses zero in [low, high]."""
    for _ in range(ROOT_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return (low + high) / 2
