"""In real time a robot gets no more commands than its limits are made for."""

from __future__ import annotations

import numpy as np
import pytest

from il_core.types import Frame, Proposal
from il_gating.inbox import Pacer

PERIOD_NS = 50_000_000
LOOK_NS = PERIOD_NS // 8


def proposal(tick):
    return Proposal(Frame(tick, tick, np.zeros(1), (tick,)), 'abc', 'def', np.zeros(1))


def ticks(times_ns, apart):
    """Let proposals come at these times; returns when ticks were, and with which of them."""
    pacer, found = Pacer(PERIOD_NS, apart), []

    def look(now_ns):
        if pacer.due(now_ns):
            came = pacer.take(now_ns)
            found.append((now_ns, None if came is None else came.frame.tick))

    arrivals = [(t, i) for i, t in enumerate(times_ns)]
    looks = [(t, None) for t in range(0, max(times_ns) + 2 * PERIOD_NS, LOOK_NS)]
    for now_ns, number in sorted(arrivals + looks, key=lambda event: event[0]):
        if number is not None:
            pacer.proposal(proposal(number), now_ns)
        look(now_ns)
    assert pacer.alone == sum(number is None for _, number in found)
    return found


def spans(found, length):
    times_ns = np.array([t for t, _ in found])
    return (times_ns[length:] - times_ns[:-length]) / PERIOD_NS


@pytest.mark.parametrize('every', [1.0, 1.3, 1.55, 1.6, 1.9, 2.0, 2.4, 3.1])
def test_proposals_that_are_late_make_no_more_ticks_than_there_are_periods(every):
    found = ticks([round(i * every * PERIOD_NS) for i in range(1, 60)], apart=True)
    assert [n for _, n in found if n is not None] == list(range(59)), 'each gets its tick'
    for length in range(2, len(found)):
        assert (spans(found, length) >= length - 0.6).all()


@pytest.mark.parametrize('every', [0.01, 0.1, 0.3, 0.5, 0.6, 0.8])
@pytest.mark.parametrize('burst', [1, 3])
def test_proposals_that_keep_coming_too_often_make_no_more_ticks_than_their_slots(every, burst):
    starts = np.arange(1.0, 1.0 + 60.0 * every * burst, every * burst)
    found = ticks([round((t + 0.01 * b) * PERIOD_NS) for t in starts for b in range(burst)], True)
    assert (spans(found, 1) >= 0.5).all()
    for length in range(1, len(found)):
        assert (spans(found, length) >= 0.9 * length - 0.5 - 1e-9).all()
    numbers = [n for _, n in found if n is not None]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == burst * len(starts) - 1, 'the newest is never lost'


def test_a_camera_that_is_some_percent_fast_waits_for_nothing():
    times_ns = [round(0.95 * i * PERIOD_NS) for i in range(1, 200)]
    assert ticks(times_ns, apart=True)[:199] == [(t, i) for i, t in enumerate(times_ns)]


def test_of_a_burst_the_newest_gets_a_tick_half_a_period_later():
    found = ticks([PERIOD_NS, *(PERIOD_NS + i for i in range(1, 8)), 2 * PERIOD_NS], apart=True)
    assert found[:2] == [(PERIOD_NS, 0), (3 * PERIOD_NS // 2, 7)]
    assert found[2][1] == 8


def test_a_simulator_that_is_faster_than_this_clock_gets_every_tick():
    times_ns = [i * PERIOD_NS // 10 for i in range(1, 50)]
    assert ticks(times_ns, apart=False)[:49] == [(t, i) for i, t in enumerate(times_ns)]


@pytest.mark.parametrize('every', [1.6, 2.0, 3.3])
def test_a_slow_simulator_gets_no_commands_between_those_of_its_policy(every):
    times_ns = [round(i * every * PERIOD_NS) for i in range(1, 40)]
    found = ticks([*times_ns, times_ns[-1] + 20 * PERIOD_NS], apart=False)
    between = [t for t, number in found if number is None and times_ns[1] < t <= times_ns[-1]]
    assert between == [], 'each would make the robot stand'
    (first, *_) = [t for t, _ in found if t > times_ns[-1]]
    assert first - times_ns[-1] <= (1.5 * every + 0.25) * PERIOD_NS, 'then it is silent'


@pytest.mark.parametrize('pause', [5, 500])
def test_a_pause_is_no_pace_of_a_simulator(pause):
    back = (1 + pause) * PERIOD_NS
    found = ticks([PERIOD_NS, back, back + 20 * PERIOD_NS], apart=False)
    (first, *_) = [t for t, _ in found if t > back]
    assert first - back <= (1.5 + 0.25) * PERIOD_NS, 'commands go on when one proposal came'


def test_a_proposal_on_time_gets_its_tick_at_once():
    rng = np.random.default_rng(0)
    times_ns = [round((i + rng.uniform(-0.2, 0.2)) * PERIOD_NS) for i in range(1, 60)]
    assert ticks(times_ns, apart=True)[:59] == [(t, i) for i, t in enumerate(times_ns)]


def test_a_proposal_that_comes_twice_or_late_makes_no_tick():
    pacer = Pacer(PERIOD_NS, apart=False)
    pacer.proposal(proposal(5), 0)
    assert pacer.due(0)
    assert pacer.take(0).frame.tick == 5
    for old in (5, 4):
        pacer.proposal(proposal(old), 1000)
        assert not pacer.due(1000)
    assert pacer.silent_s(1000) == 0.0
    assert pacer.alone == 0
