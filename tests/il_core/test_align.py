"""The aligner: as-of, never the future, and a fault in words instead of a guess."""

import re

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
    ahead = any(max(pushed, default=0) - tick_ms > 200 for pushed in (poses, goals))
    usable = all(s >= 0 and tick_ms - s <= 200 for s in newest)
    assert (frame.fault == '') == (usable and not ahead)
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
    assert aligner.frame(0, 10 * MS).fault == 'ee_pose: stamped 1.990 s ahead of this clock'


def test_a_value_of_the_wrong_size_is_our_defect() -> None:
    with pytest.raises(InternalError, match=r'goal: decoded shape \(3,\), expected \(2,\)'):
        Aligner(toy_spec()).push('goal', 0, np.zeros(3))


def run_of(hz: int, ahead_ms: int) -> list[str]:
    """Return the faults of two seconds of ticks (20 Hz), with a stream of `hz` from a clock that
    is ahead by `ahead_ms`; every frame without one is asserted to be of fresh samples."""
    aligner, faults = Aligner(toy_spec()), []
    period_ms = 1000 // hz
    for now in range(2000):
        for name, size in (('ee_pose', 2), ('goal', 2)):
            aligner.push(name, now * MS, np.full(size, float(now)))
        if now % period_ms == 0:
            aligner.push('joint_states', (now + ahead_ms) * MS, np.array([float(now)]))
        if now % 50 == 30:
            frame = aligner.frame(now // 50, now * MS)
            faults.append(frame.fault)
            made_ms = frame.vector[2] if not frame.fault else now
            assert now - made_ms <= 400, 'max_age_s, and as much for a clock that is ahead'
    return faults


@pytest.mark.parametrize('hz', [5, 10, 50, 1000])
def test_a_clock_that_is_ahead_is_a_fault_from_first_to_last(hz: int) -> None:
    """Its samples would be taken when the tick gets to their stamps: long old, with age 0."""
    faults = run_of(hz, 1000)
    assert len(faults) == 40
    for fault in faults:
        assert re.fullmatch(
            r'joint_states: stamped (0\.[89]\d\d|1\.000) s ahead of this clock', fault
        )


@pytest.mark.parametrize('ahead_ms', [0, 100, 150])
def test_a_clock_that_is_ahead_by_no_more_than_the_maximum_age_is_waited_for(
    ahead_ms: int,
) -> None:
    faults = run_of(50, ahead_ms)
    waited = sum(30 + 50 * tick < ahead_ms for tick in range(40))
    assert faults[:waited] == ['joint_states: every message is later than the tick'] * waited
    assert set(faults[waited:]) == {''}


def test_a_clock_that_was_set_right_is_believed_from_then_on(aligner: Aligner) -> None:
    """One wrong stamp is one fault; what was stamped ahead is never used."""
    aligner.push('goal', 3600_000 * MS, np.array([9.0, 9.0]))
    for tick_ms in (100, 150):
        assert aligner.frame(0, tick_ms * MS).fault == (
            'goal: stamped 3599.900 s ahead of this clock'
        )
    aligner.push('goal', 140 * MS, np.array([5.0, 6.0]))
    assert aligner.frame(0, 150 * MS).vector[-2:].tolist() == [5, 6]
    assert aligner.frame(0, 400 * MS).fault == 'ee_pose: 0.300 s old, limit 0.2 s'
    aligner.clear()
    aligner.push('ee_pose', 400 * MS, np.zeros(2))
    aligner.push('joint_states', 400 * MS, np.zeros(1))
    assert aligner.frame(0, 400 * MS).fault == 'goal: no message yet'
