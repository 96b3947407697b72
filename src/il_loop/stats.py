"""Numbers with their uncertainty: success rates, paired differences, means."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from il_core.errors import UserError

Z95 = 1.959963984540054  # 97.5 % quantile of the standard normal
RESAMPLES = 2000
ROOT_STEPS = 60  # halvings: 2/2^60 is below float resolution


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


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """Return the mean with a percentile bootstrap interval over the values.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    """
    data = np.asarray(values, np.float64)
    if not len(data):
        raise UserError('values', [], 'a mean needs at least one')
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, len(data), (RESAMPLES, len(data)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(float(data.mean()), float(low), float(high), len(data))


def ratio(above: Sequence[float], below: Sequence[float], seed: int = 0) -> Estimate:
    """Return sum(above) / sum(below) with a percentile bootstrap interval over the pairs.

    Raises:
        UserError: the two have different lengths, or none, or `below` adds up to 0.
    """
    pairs = np.column_stack([above, below]) if len(above) == len(below) else np.empty((0, 2))
    if not len(pairs) or not pairs[:, 1].sum():
        raise UserError('pairs', (len(above), len(below)), 'a ratio needs pairs, not all of 0')
    rng = np.random.default_rng(seed)
    sums = pairs[rng.integers(0, len(pairs), (RESAMPLES, len(pairs)))].sum(axis=1)
    with np.errstate(divide='ignore', invalid='ignore'):
        low, high = np.nanquantile(sums[:, 0] / sums[:, 1], (0.025, 0.975))
    value = float(pairs[:, 0].sum() / pairs[:, 1].sum())
    return Estimate(value, float(low), float(high), len(pairs))


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
