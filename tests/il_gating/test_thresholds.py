"""Thresholds keep their promise on the scores that they were made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from il_core.errors import UserError
from il_gating.thresholds import exceeded_by, late_mean


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0, 1))
def test_at_most_the_share_is_above_and_no_smaller_score_would_do(
    scores: list[float], share: float
) -> None:
    values = np.array(scores)
    threshold = exceeded_by(values, share)
    assert threshold in values
    assert (values > threshold).sum() <= share * len(values) + 1e-6
    below = values[values < threshold]
    assert not len(below) or (values > below.max()).sum() > share * len(values) - 1e-6


def test_a_tenth_of_thirty_scores_are_three() -> None:
    values = np.arange(30.0)
    assert (values > exceeded_by(values, 0.1)).sum() == 3


def test_hg_daggers_tau_is_the_mean_of_the_last_quarter() -> None:
    assert late_mean(np.arange(1.0, 9.0)) == 7.5


@pytest.mark.parametrize('scores', [[], [1.0, np.nan]])
def test_scores_that_say_nothing_give_no_threshold(scores: list[float]) -> None:
    with pytest.raises(UserError, match='finite'):
        exceeded_by(np.array(scores), 0.1)
