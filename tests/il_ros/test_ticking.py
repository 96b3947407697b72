"""Overruns are counted, garbage waits for the end of a tick, real-time priority is refused with a
reason."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time

import pytest

from il_core.types import NS_PER_S
from il_ros.beat import Beat
from il_ros.health import Level
from il_ros.ticking import COLLECT_EVERY_NS, Housekeeper, TickingNode

PERIOD_NS = NS_PER_S // 50


def beat_over(late=(), slow=(), ticks=200):
    beat, now_ns = Beat(PERIOD_NS), 7 * NS_PER_S
    for tick in range(ticks):
        now_ns += PERIOD_NS * 16 // 10 if tick in late else PERIOD_NS
        beat.begin(now_ns)
        beat.end(now_ns + (PERIOD_NS * 11 // 10 if tick in slow else PERIOD_NS // 4))
    return beat


def test_injected_overruns_are_counted_exactly():
    beat = beat_over(late=(10, 40, 41, 199), slow=(0, 60))
    assert (beat.ticks, beat.late, beat.slow) == (200, 4, 2)


def test_jitter_below_half_a_period_is_no_overrun_and_is_told():
    beat = Beat(PERIOD_NS)
    for tick in range(100):
        now_ns = (tick + 10) * PERIOD_NS + (tick % 2) * PERIOD_NS // 4
        beat.begin(now_ns)
        beat.end(now_ns + 1000)
    assert (beat.late, beat.slow) == (0, 0)
    assert beat.summary()['period_error_s_p50'] == pytest.approx(0.005)


def test_overruns_are_told_once_with_the_ticks_they_are_among():
    beat = beat_over(late=(10, 40, 41, 199), slow=(0, 60))
    assert beat.overruns() == (200, 6)
    assert beat.overruns() == (0, 0)
    beat.begin(10**15)
    assert beat.overruns() == (1, 1)


def test_a_slow_world_is_followed_and_a_tick_that_is_late_in_it_is_found():
    beats = [Beat(PERIOD_NS, follows) for follows in (True, False)]
    now_ns = NS_PER_S
    for tick in range(1, 101):
        now_ns += (7 if tick == 60 else 2) * PERIOD_NS
        for beat in beats:
            beat.begin(now_ns, tick * PERIOD_NS)
            beat.end(now_ns + PERIOD_NS * 12 // 10)
    assert beats[0].late == 1
    assert beats[0].slow == 1, 'its pace is known from the second on'
    assert (beats[1].late, beats[1].slow) == (99, 100)
    assert beats[0].summary()['period_error_s_p50'] == 0.0
    assert beats[0].worth_telling() is None
    assert beats[1].worth_telling() == (100, 199)


def test_a_node_that_is_slow_itself_is_no_slow_world():
    """It takes 1.4 periods, in a simulation and in real time, and leaves out what it misses."""
    beat, now_ns = Beat(PERIOD_NS, follows=True), NS_PER_S
    for _ in range(100):
        beat.begin(now_ns, now_ns // PERIOD_NS * PERIOD_NS)
        now_ns += PERIOD_NS * 14 // 10
        beat.end(now_ns)
    assert beat.slow > 80


def test_a_world_that_is_faster_is_not_late_at_its_own_pace():
    beat, now_ns = Beat(PERIOD_NS, follows=True), NS_PER_S
    for tick in range(1, 101):
        now_ns += PERIOD_NS if tick % 10 == 0 else PERIOD_NS // 2
        beat.begin(now_ns, tick * PERIOD_NS)
        beat.end(now_ns)
    assert beat.late == 0


class Ticks(TickingNode):
    """A node that does too much, or not, at every tick."""

    work_s = 0.0

    def start(self):
        self.beat = Beat(PERIOD_NS)
        self.timer(PERIOD_NS / NS_PER_S, self.tick)

    def tick(self):
        self.begin_tick()
        time.sleep(self.work_s)
        self.end_tick()


@pytest.mark.ros
@pytest.mark.parametrize(('work_s', 'level'), [(0.0, Level.OK), (0.03, Level.WARN)])
def test_a_node_that_does_not_keep_its_rate_says_so_with_a_remedy(executor, work_s, level):
    node = Ticks()
    node.work_s = work_s
    executor.add_node(node)
    assert node.autostart()
    said, end_s = [], time.monotonic() + 20
    while level not in [health.level for health in said] and time.monotonic() < end_s:
        until_s = time.monotonic() + 1.0
        while time.monotonic() < until_s:
            executor.spin_once(0.1)
        said.append(node.state_of_health())
    node.close()
    health = next(health for health in said if health.level is level)
    assert level is Level.OK or 'set realtime_priority of /il_node to 20' in health.message


@pytest.fixture
def rounds():
    """Return what notes the rounds of the garbage collector; put its settings back.

    As in `settle_memory` what there was before is out of its reach: here, all that earlier tests
    left, which would take a tenth of a second to list.
    """
    thresholds, seen = gc.get_threshold(), []
    gc.collect()
    gc.freeze()

    def note(phase, info):
        if phase == 'start':
            seen.append(info['generation'])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def litter(cycles):
    for _ in range(cycles):
        cycle = []
        cycle.append(cycle)


def test_the_collector_comes_between_ticks_only_and_memory_stays_bounded(rounds):
    keeper, within, most = Housekeeper(), 0, 0
    for tick in range(500):
        litter(500)
        within += len(rounds)
        keeper.rest(tick * PERIOD_NS)
        rounds.clear()
        most = max(most, len(gc.get_objects()))
    assert within == 0
    a_second = COLLECT_EVERY_NS // PERIOD_NS * 500
    assert most < len(gc.get_objects()) + 2 * a_second


def test_without_ticks_the_collector_comes_by_itself(rounds):
    Housekeeper()
    litter(250_000)
    assert 1 <= len(rounds) <= 3


PRIORITY = """
import os, resource
from il_core.errors import UserError
from il_ros.priority import raise_priority
if os.getuid() == 0 and {drop}:
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    os.setgroups([])
    os.setuid(65534)
try:
    raise_priority(10)
    print('scheduler', os.sched_getscheduler(0), os.SCHED_FIFO)
except UserError as error:
    print(error)
"""


def priority(drop):
    code = PRIORITY.format(drop=drop)
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout


def test_a_priority_that_is_not_permitted_is_refused_with_a_reason():
    if os.getuid() and resource.getrlimit(resource.RLIMIT_RTPRIO)[0]:
        pytest.skip('this user may')
    said = priority(drop=True)
    assert 'realtime_priority is 10: is not permitted to this user' in said
    assert 'ulimit -r' in said


def test_a_priority_that_is_permitted_is_taken():
    if os.getuid() and not resource.getrlimit(resource.RLIMIT_RTPRIO)[0]:
        pytest.skip('this user may not')
    assert priority(drop=False).split() == ['scheduler', str(os.SCHED_FIFO), str(os.SCHED_FIFO)]
