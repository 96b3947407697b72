"""Thresholds from a budget: what they promise on the states they were made from."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from il_core.errors import UserError
from il_gating.calibrate import calibrate
from il_gating.thresholds import exceeded_by


def asked(scores: np.ndarray, thresholds: np.ndarray) -> float:
    return float((scores > thresholds).any(axis=1).mean())


def test_a_threshold_is_the_published_entry_of_the_sorted_scores() -> None:
    """Entry int((1 - alpha) n) of the sorted scores, counted from the top where it must not be
    exceeded by more than alpha."""
    scores = np.random.default_rng(0).permutation(np.arange(1000.0))
    assert exceeded_by(scores, 0.01) == 989.0
    assert (scores > 989.0).mean() == 0.01


@given(
    seed=st.integers(0, 1000),
    n=st.integers(1, 300),
    alpha=st.floats(0.0, 1.0),
    tied=st.booleans(),
)
def test_the_union_keeps_the_budget(seed: int, n: int, alpha: float, tied: bool) -> None:
    scores = np.random.default_rng(seed).normal(size=(n, 2))
    if tied:
        scores = np.round(scores)
    each, both = calibrate(scores, alpha, 'paper'), calibrate(scores, alpha, 'budget')
    assert asked(scores, both) <= alpha + 1e-9
    assert all((scores[:, k] > each[k]).mean() <= alpha + 1e-9 for k in (0, 1))
    assert (both >= each).all(), 'a budget never asks more than two quantiles do'


def test_the_union_uses_the_budget_up() -> None:
    scores = np.random.default_rng(1).normal(size=(20_000, 2))
    assert asked(scores, calibrate(scores, 0.05, 'budget')) == pytest.approx(0.05, abs=0.001)
    assert asked(scores, calibrate(scores, 0.05, 'paper')) == pytest.approx(0.0975, abs=0.003)
    same = np.repeat(scores[:, :1], 2, axis=1)
    assert asked(same, calibrate(same, 0.05, 'budget')) == pytest.approx(0.05, abs=0.001)


def test_eighteen_thousand_states_take_a_moment() -> None:
    scores = np.random.default_rng(0).normal(size=(18_000, 2))
    begin = time.perf_counter()
    calibrate(scores, 0.01, 'budget')
    assert time.perf_counter() - begin < 0.2


def test_bad_input_says_what_is_wrong() -> None:
    scores = np.zeros((3, 2))
    with pytest.raises(UserError, match='choices: paper, budget'):
        calibrate(scores, 0.1, 'papr')
    with pytest.raises(UserError, match='alpha'):
        calibrate(scores, 1.1, 'paper')
    with pytest.raises(UserError, match='finite'):
        calibrate(np.full((3, 2), np.nan), 0.1, 'budget')
