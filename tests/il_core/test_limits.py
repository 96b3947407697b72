"""Limits: nothing leaves them, whatever is asked for; holding stops; NaN stays out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from il_core.errors import UserError
from il_core.limits import Limits
from il_core.spec import Axis
from il_core.types import AxisKind

POSITION = Axis('p', AxisKind.POSITION, -1, 1, max_rate=2.0, measured='joint_states/p')
SMOOTH = Axis('s', AxisKind.POSITION, -1, 1, max_rate=4.0, max_accel=10.0, measured='js/s')
VELOCITY = Axis('v', AxisKind.VELOCITY, -1, 1, max_rate=2.0)
DELTA = Axis('d', AxisKind.DELTA, -0.1, 0.1)
LATCHED = Axis('g', AxisKind.LATCHED, 0, 0.08, idle=0.08)
DISCRETE = Axis('n', AxisKind.DISCRETE, 0, 2, max_rate=1.0, idle=1)
ALL = (POSITION, SMOOTH, VELOCITY, DELTA, LATCHED, DISCRETE)


def one(axis: Axis, action: float, last: float, before: float | None = None) -> float:
    previous = None if before is None else np.array([before])
    return float(
        Limits([axis], 20).bound(np.array([action]), np.array([last]), previous).action[0]
    )


@pytest.mark.parametrize(
    ('axis', 'action', 'last', 'sent'),
    [
        (POSITION, 0.05, 0.0, 0.05),
        (POSITION, 1.0, 0.0, 0.1),
        (POSITION, 5.0, 0.95, 1.0),
        (POSITION, 0.0, 1.5, 1.4),
        (VELOCITY, -1.0, 1.0, 0.9),
        (DELTA, -7.0, 0.1, -0.1),
        (LATCHED, 0.0, 0.08, 0.0),
        (DISCRETE, 1.6, 0.0, 2.0),
        (DISCRETE, 9.0, 0.0, 2.0),
    ],
)
def test_an_axis_goes_as_far_as_its_limits_allow(
    axis: Axis, action: float, last: float, sent: float
) -> None:
    assert one(axis, action, last) == pytest.approx(sent, abs=1e-12)


def test_an_action_within_limits_passes_bit_for_bit_and_a_changed_axis_is_named() -> None:
    limits = Limits(ALL, 20)
    last = np.array([0.3, 0.0, 0.2, 0.1, 0.08, 1.0])
    fine = np.array([0.1 + 0.2 + 0.1, 0.01, 0.3, -0.1, 0.02, 2.0])
    bounded = limits.bound(fine, last)
    assert bounded.action.tolist() == fine.tolist()
    assert bounded.limited == ()
    assert limits.bound(fine + np.array([1, 0, 0, 1, 0, 0]), last).limited == ('p', 'd')


@pytest.mark.parametrize('bad', [[np.nan, 0.0], [0.0, np.inf], [0.0], [0.0, 0.0, 0.0]])
def test_a_bad_action_raises_instead_of_becoming_a_number(bad: list[float]) -> None:
    with pytest.raises(UserError, match=r'nan|inf|shape'):
        Limits([POSITION, DELTA], 20).bound(np.array(bad), np.zeros(2))


def test_hold_keeps_places_slows_motions_and_idles_choices() -> None:
    limits = Limits((POSITION, VELOCITY, DELTA, LATCHED, DISCRETE), 20)
    held = limits.hold(np.array([0.4, 0.25, 0.1, 0.0, 2.0]))
    assert held == pytest.approx([0.4, 0.15, 0.0, 0.0, 1.0])
    for _ in range(2):
        held = limits.hold(held)
    assert held.tolist() == [0.4, 0.0, 0.0, 0.0, 1.0]
    assert limits.hold(held).tolist() == held.tolist()
    assert limits.stop(np.array([0.4, 1.0, 0.1, 0.0, 2.0])).tolist() == [0.4, 0.0, 0.0, 0.0, 1.0]


def test_an_axis_with_max_accel_arrives_without_overshoot_and_within_both_bounds() -> None:
    limits, path = Limits([SMOOTH], 20), [0.0, 0.0]
    for _ in range(60):
        step = limits.bound(np.array([0.93]), np.array(path[-1:]), np.array(path[-2:-1]))
        path.append(float(step.action[0]))
    rate, accel = np.diff(path) * 20, np.diff(path, 2) * 400
    assert path[-1] == 0.93
    assert max(path) <= 0.93 + 1e-12
    assert 3.0 < rate.max() <= 4 + 1e-9
    assert np.abs(accel).max() <= 10 + 1e-6


def test_hold_brings_a_moving_axis_with_max_accel_to_rest_and_leaves_it_there() -> None:
    limits, path = Limits([SMOOTH], 20), [0.0, 0.1]
    for _ in range(8):
        path.append(float(limits.hold(np.array(path[-1:]), np.array(path[-2:-1]))[0]))
    assert np.diff(path, 2).min() >= -10 / 400 - 1e-12
    assert path[-1] == path[-2] > 0.1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.lists(st.floats(-5, 5), min_size=6, max_size=6)), max_size=40)
)
def test_no_sequence_of_actions_and_holds_leaves_the_limits(
    actions: list[list[float] | None],
) -> None:
    limits = Limits(ALL, 20)
    low, high = np.array([a.low for a in ALL]), np.array([a.high for a in ALL])
    path = [np.array([0.0, 0.0, 0.0, 0.0, 0.08, 1.0])] * 2
    for action in actions:
        last, before = path[-1], path[-2]
        held = limits.hold(last, before)
        path.append(
            held if action is None else limits.bound(np.array(action), last, before).action
        )
    values = np.array(path)
    assert (values >= low).all()
    assert (values <= high).all()
    steps = np.abs(np.diff(values, axis=0))
    assert (steps[:, :3] <= np.array([0.1, 0.2, 0.1]) + 1e-9).all()
    assert (np.abs(np.diff(values[:, 1], 2)) <= 10 / 400 + 1e-9).all()
    assert (values[:, 5] == np.rint(values[:, 5])).all()
