"""The intervals cover what they claim to cover."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from il_core.errors import UserError
from il_loop import stats


def binomial(n, k, p):
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


@pytest.mark.parametrize('p', [0.05, 0.3, 0.5, 0.9])
def test_wilson_covers_about_95_percent(p):
    n = 50
    intervals = [stats.wilson(k, n) for k in range(n + 1)]
    covered = sum(binomial(n, k, p) for k, i in enumerate(intervals) if i.low <= p <= i.high)
    assert 0.92 < covered < 0.99


def test_wilson_at_the_ends():
    assert stats.wilson(0, 50).low == 0
    assert stats.wilson(50, 50).high == 1
    # 10 of 20: the textbook value of the score interval
    half = stats.wilson(10, 20)
    assert (round(half.low, 3), round(half.high, 3)) == (0.299, 0.701)


@pytest.mark.parametrize(('gain', 'loss'), [(0.3, 0.05), (0.1, 0.1), (0.6, 0.02), (0.02, 0.4)])
def test_paired_interval_covers_about_95_percent(gain, loss):
    n, covered = 30, 0.0
    for g, other in itertools.product(range(n + 1), repeat=2):
        if g + other > n:
            continue
        weight = math.comb(n, g) * math.comb(n - g, other)
        weight *= gain**g * loss**other * (1 - gain - loss) ** (n - g - other)
        before = [False] * g + [True] * other + [True] * (n - g - other)
        after = [True] * g + [False] * other + [True] * (n - g - other)
        found = stats.paired_difference(before, after)
        covered += weight * (found.low <= gain - loss <= found.high)
    assert 0.92 < covered < 0.99


def test_paired_interval_is_mirrored_and_bounded():
    rng = np.random.default_rng(3)
    for _ in range(50):
        before, after = (list(map(bool, rng.random(20) < rng.random())) for _ in range(2))
        there = stats.paired_difference(before, after)
        back = stats.paired_difference(after, before)
        assert there.low == pytest.approx(-back.high, abs=1e-9)
        assert -1 <= there.low <= there.value <= there.high <= 1


def test_equal_pairs_still_leave_doubt():
    same = stats.paired_difference([True] * 50, [True] * 50)
    assert same.value == 0
    assert same.low < -0.03 < 0.03 < same.high


def test_pairs_must_match():
    with pytest.raises(UserError, match='same seeds'):
        stats.paired_difference([True], [True, False])


def test_no_episode_is_no_number():
    with pytest.raises(UserError, match='at least one'):
        stats.wilson(0, 0)


def test_mean_interval_shrinks_with_n():
    rng = np.random.default_rng(0)
    few, many = (stats.mean(list(rng.normal(5, 1, n))) for n in (10, 1000))
    assert few.low < 5 < few.high
    assert (many.high - many.low) < (few.high - few.low) / 3


@pytest.mark.parametrize('n', [2, 3, 5, 10, 40])
def test_the_interval_of_a_mean_covers_it_from_the_first_seeds_on(n):
    rng = np.random.default_rng(n)
    found = [stats.mean(rng.normal(3, 2, n)) for _ in range(2000)]
    assert 0.935 < np.mean([e.low <= 3 <= e.high for e in found]) < 0.965


@pytest.mark.parametrize('n', [5, 10])
def test_the_interval_of_a_ratio_covers_it(n):
    rng = np.random.default_rng(n)
    hits = 0
    for _ in range(2000):
        below = rng.gamma(9, 1, n)
        found = stats.ratio(below * rng.gamma(16, 0.5 / 16, n), below)
        hits += found.low <= 0.5 <= found.high
    assert 0.92 < hits / 2000 < 0.97


def test_students_quantiles_are_those_of_the_tables():
    table = {1: 12.706, 2: 4.303, 4: 2.776, 7: 2.365, 9: 2.262, 30: 2.042, 120: 1.980}
    for freedom, quantile in table.items():
        assert stats.student(freedom) == pytest.approx(quantile, abs=6e-4)


def test_a_mean_stays_where_its_values_can_be():
    shares = stats.mean([1.0, 1.0, 0.7], stats.SHARE)
    assert (shares.high, round(shares.value, 3)) == (1.0, 0.9)
    one = stats.mean([0.4], stats.SHARE)
    assert (one.value, one.low, one.high, one.n) == (0.4, 0.4, 0.4, 1)


def test_a_ratio_is_of_sums_and_its_interval_of_pairs():
    same = stats.ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert (same.value, same.low, same.high, same.n) == (0.5, 0.5, 0.5, 3)
    spread = stats.ratio([1.0, 5.0, 3.0, 3.0], [10.0, 2.0, 6.0, 6.0])
    assert spread.low < spread.value == 0.5 < spread.high
    for above, below in (([1.0], [1.0, 2.0]), ([], []), ([1.0], [0.0])):
        with pytest.raises(UserError, match='needs pairs'):
            stats.ratio(above, below)


def test_the_area_under_a_roc_curve_is_the_share_of_pairs_in_order():
    assert stats.roc_area([3.0, 4.0], [1.0, 2.0]).value == 1.0
    assert stats.roc_area([1.0, 3.0], [2.0]).value == 0.5
    assert stats.roc_area([2.0], [2.0]).value == 0.5
    apart = stats.roc_area([3.0] * 5, [1.0] * 6)
    assert apart.high == 1.0
    assert 0.5 < apart.low < 0.95, 'eleven episodes do not prove a perfect score'
    turned = stats.roc_area([1.0] * 5, [3.0] * 6)
    assert (turned.low, turned.high) == pytest.approx((0.0, 1 - apart.low))
    with pytest.raises(UserError, match='needs some of both'):
        stats.roc_area([], [1.0])


def test_the_interval_of_the_area_covers_it():
    rng, hits = np.random.default_rng(5), 0
    true = 0.76025  # of two normals one apart
    for _ in range(400):
        found = stats.roc_area((rng.normal(size=15) + 1).tolist(), rng.normal(size=25).tolist())
        hits += found.low <= true <= found.high
    assert 0.92 <= hits / 400 <= 0.985
