"""The aligner: as-of, never the future, and a fault in words instead of a guess."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from il_core.align import Aligner
from il_core.errors import InternalError
from tests.toy import toy_spec

MS = 1_000_000


@pytest.fixture
def aligner() -> Aligner:
    aligner = Aligner(toy_spec())
    for stamp in (0, 50 * MS, 100 * MS):
        aligner.push('ee_pose', stamp, np.array([stamp / MS, 1.0]))
        aligner.push('joint_states', stamp, np.array([2.0]))
    aligner.push('goal', 0, np.array([3.0, 4.0]))
    return aligner


def test_frame_takes_the_newest_sample_that_is_not_from_the_future(aligner: Aligner) -> None:
    frame = aligner.frame(7, 99 * MS)
    assert frame.fault == ''
    assert frame.vector.tolist() == [50, 1, 2, 3, 4]
    assert frame.stamps_ns == (50 * MS, 50 * MS, 0)
    assert frame.age_s == pytest.approx(0.099)


def test_order_of_arrival_does_not_matter(aligner: Aligner) -> None:
    shuffled = Aligner(toy_spec())
    for stamp in (100 * MS, 0, 50 * MS):
        shuffled.push('joint_states', stamp, np.array([2.0]))
        shuffled.push('ee_pose', stamp, np.array([stamp / MS, 1.0]))
    shuffled.push('goal', 0, np.array([3.0, 4.0]))
    for tick_ns in (0, 60 * MS, 130 * MS):
        a, b = aligner.frame(0, tick_ns), shuffled.frame(0, tick_ns)
        assert a.vector.tolist() == b.vector.tolist()
        assert a.stamps_ns == b.stamps_ns


def test_a_stream_that_is_too_old_is_named_with_its_age(aligner: Aligner) -> None:
    assert aligner.frame(0, 250 * MS).fault == 'goal: 0.250 s old, limit 0.2 s'


def test_a_missing_stream_is_named() -> None:
    assert Aligner(toy_spec()).frame(0, 0).fault == 'ee_pose: no message yet'


def test_a_value_that_is_not_finite_is_a_fault(aligner: Aligner) -> None:
    aligner.push('goal', 1, np.array([np.nan, 0.0]))
    frame = aligner.frame(0, 10 * MS)
    assert 'goal' in frame.fault
    assert 'not finite' in frame.fault
    assert frame.vector.size == 0


stamps = st.lists(st.integers(0, 400), max_size=40)


@given(stamps, stamps, st.integers(0, 500))
def test_a_frame_is_the_newest_of_the_past_whatever_was_pushed(
    poses: list[int], goals: list[int], tick_ms: int
) -> None:
    aligner = Aligner(toy_spec())
    for ms in poses:
        aligner.push('ee_pose', ms * MS, np.array([ms, 0.0]))
    for ms in goals:
        aligner.push('goal', ms * MS, np.array([ms, 0.0]))
    aligner.push('joint_states', tick_ms * MS, np.zeros(1))
    newest = [max((s for s in pushed if s <= tick_ms), default=-1) for pushed in (poses, goals)]
    frame = aligner.frame(0, tick_ms * MS)
    assert (frame.fault == '') == all(s >= 0 and tick_ms - s <= 200 for s in newest)
    if not frame.fault:
        assert frame.vector.tolist() == [newest[0], 0, 0, newest[1], 0]
        assert frame.stamps_ns == (newest[0] * MS, tick_ms * MS, newest[1] * MS)


def test_a_long_stream_keeps_what_the_next_frames_need() -> None:
    aligner = Aligner(toy_spec())
    aligner.push('goal', 2000 * MS, np.zeros(2))
    for ms in range(2001):  # 1 kHz for two seconds
        aligner.push('ee_pose', ms * MS, np.array([ms, 0.0]))
        aligner.push('joint_states', ms * MS, np.zeros(1))
    assert aligner.frame(0, 2000 * MS).vector[0] == 2000
    assert 'no message yet' in aligner.frame(0, 10 * MS).fault


def test_a_value_of_the_wrong_size_is_our_defect() -> None:
    with pytest.raises(InternalError, match=r'goal: decoded shape \(3,\), expected \(2,\)'):
        Aligner(toy_spec()).push('goal', 0, np.zeros(3))
