"""Every state that the switch can be in meets every input: nothing is left to chance.

The search starts where the switch starts and goes on until no new state appears.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from il_core.types import Cause, Decision, Mode, Owner
from il_gating.asked import NOTHING, Asked
from il_gating.config import GateConfig
from il_gating.switch import Switch, SwitchInputs, SwitchOutput
from il_gating.transitions import TABLE, Event
from tests.il_gating.test_transitions import EXPECTED, LETTERS, MODES

TICK_NS = 50_000_000
LATENCY, TIMEOUT, AGREE = 1, 3, 2  # ticks

# Nobody is asked outside an episode; the table has an answer all the same.
NEVER = {(Mode.REQUESTING, Event.RELEASE_TO_NOBODY)}

POLICY = Decision(Owner.POLICY)
HUMAN = Decision(Owner.HUMAN, Cause.NOVELTY)
BY_HAND = Decision(Owner.HUMAN, Cause.HUMAN_REQUEST)

HANDS: tuple[dict[str, object], ...] = (
    {},
    {'usable': True, 'engaged': True},
    {'engaged': True},
    {'joystick_problem': 'silent'},
    {'joystick_problem': 'no number', 'engaged': True},
)
FINE: tuple[dict[str, object], ...] = ({}, {'policy_problem': 'nan'}, {'mismatch': 'another'})
BLIND: tuple[dict[str, object], ...] = (
    {'has_frame': False},
    {'has_frame': False, 'frame_problem': 'too old'},
    {'has_frame': False, 'frame_problem': 'none for 1 s', 'stale': 'none for 1 s'},
)
FLAGS = ('started', 'ended', 'takeover', 'release', 'estop', 'reset_estop', 'resume')


def asks() -> Iterator[Asked]:
    """Nothing, one thing, or two in one tick."""
    yield NOTHING
    yield Asked(started=True, joined=True)
    for flag in FLAGS:
        yield Asked(**{flag: True})
    for pair in itertools.combinations(FLAGS[2:], 2):
        yield Asked(**dict.fromkeys(pair, True))


def decided(decision: Decision | None) -> Callable[[Mode], Decision | None]:
    return lambda mode: decision


def inputs() -> tuple[SwitchInputs, ...]:
    """All that can be said in one tick. The gate is asked only where there is a frame."""
    seen = [(eyes, d) for eyes in FINE for d in (POLICY, HUMAN, BY_HAND)]
    seen += [(eyes, None) for eyes in BLIND]
    seen += [({'rival': 'another writer'}, POLICY)]
    return tuple(
        SwitchInputs(decided(decision), **hand, **eyes, asked=asked)  # type: ignore[arg-type]
        for hand in HANDS
        for eyes, decision in seen
        for asked in asks()
    )


INPUTS = inputs()


class Traced(Switch):
    """Remembers which events fired in which mode, and what they led to."""

    fired: tuple[tuple[Mode, Event, Mode], ...] = ()

    def _fire(self, event: Event, cause: Cause = Cause.NONE, detail: str = '') -> bool:
        before = self.mode
        changed = super()._fire(event, cause, detail)
        self.fired = (*self.fired, (before, event, self.mode))
        return changed

    def state(self, now_ns: int) -> tuple[object, ...]:
        """All that later ticks depend on; times as ticks from now."""
        kept = dict(vars(self))
        for name in ('config', 'cause', 'detail', 'fired', '_asked', '_aborted'):
            kept.pop(name, None)
        since = kept.pop('_open_ns')
        waited = -1 if since is None else min((now_ns - since) // TICK_NS, TIMEOUT)
        agreed = min(kept.pop('_agreed'), AGREE)
        had = min(kept.pop('_had'), self.config.min_duration_ticks)
        return (waited, agreed, had, *(kept[name] for name in sorted(kept)))


@dataclass(frozen=True)
class Tick:
    """One step of the search."""

    before: Traced
    given: SwitchInputs
    after: Traced
    output: SwitchOutput


def search(config: GateConfig, autonomous_start: bool) -> Iterator[Tick]:
    """Yield every input in every state that can be reached."""
    first = Traced(config, autonomous_start)
    known, waiting = {first.state(0)}, [(first, 0)]
    while waiting:
        before, now_ns = waiting.pop()
        now_ns += TICK_NS
        for given in INPUTS:
            after = copy.copy(before)
            after.fired = ()
            yield Tick(before, given, after, after.update(given, now_ns))
            state = after.state(now_ns)
            if state not in known:
                known.add(state)
                waiting.append((after, now_ns))


def configs() -> Iterator[tuple[GateConfig, bool]]:
    for handover, auto, starts in itertools.product(('instant', 'request'), *[(True, False)] * 2):
        tick_s = TICK_NS * 1e-9
        yield (
            GateConfig(
                handover=handover,
                latency_s=LATENCY * tick_s,
                timeout_s=TIMEOUT * tick_s,
                hand_back_ticks=AGREE,
                auto_return=auto,
                auto_start=auto,
                auto_resume=auto,
            ),
            starts,
        )


def check(tick: Tick, config: GateConfig) -> None:
    """What must hold whatever the state."""
    given, mode, was = tick.given, tick.output.mode, tick.before.mode
    asked = given.asked
    if asked.estop:
        assert mode is Mode.ESTOP
    elif was is Mode.ESTOP:
        assert (mode is not Mode.ESTOP) == asked.reset_estop
    else:
        assert mode is not Mode.ESTOP
    if mode is Mode.AUTONOMOUS:
        assert tick.after.in_episode
        assert not any((given.frame_problem, given.policy_problem, given.mismatch))
    if mode in (Mode.SUPERVISOR, Mode.REQUESTING):
        assert not given.stale
    if mode is Mode.SUPERVISOR:
        assert not given.joystick_problem
        assert given.usable or was is Mode.SUPERVISOR
    said = asked.release or asked.started or asked.resume
    if mode is Mode.AUTONOMOUS and was is Mode.SUPERVISOR and not said:
        assert given.decide(was) is POLICY
        assert config.auto_return or not given.engaged
    if given.joystick_problem and was is Mode.SUPERVISOR and not asked.resume:
        assert asked.started or mode is not Mode.AUTONOMOUS, 'silence is not consent'
    if asked.ended or given.rival:
        assert mode in (Mode.HOLD, Mode.ESTOP)


def test_every_state_meets_every_input_and_the_whole_table_is_used() -> None:
    fired: set[tuple[Mode, Event, Mode]] = set()
    ticks = 0
    for config, starts in configs():
        for tick in search(config, starts):
            check(tick, config)
            fired.update(tick.after.fired)
            ticks += 1
    for mode, event, led_to in fired:
        letter = EXPECTED[event].split()[MODES.index(mode)]
        assert led_to is LETTERS.get(letter, mode), (mode, event)
    used = {(mode, event) for mode, event, _ in fired if event in TABLE[mode]}
    assert used == {(mode, event) for mode, row in TABLE.items() for event in row} - NEVER
    assert ticks > 100_000, 'the search went nowhere'


@pytest.mark.parametrize('handover', ['instant', 'request'])
def test_a_request_left_open_by_one_episode_takes_no_time_from_the_next(handover: str) -> None:
    """Nobody came, the episode ended; in the next one the human has the whole time-out again."""
    switch = Switch(GateConfig(handover=handover, timeout_s=1.0, auto_start=True), False)
    asking = SwitchInputs(decided(HUMAN))
    switch.update(asking._replace(asked=Asked(started=True)), 0)
    switch.update(asking._replace(asked=Asked(ended=True)), TICK_NS)
    later_ns = 10**12
    out = switch.update(asking._replace(asked=Asked(started=True)), later_ns)
    assert not out.aborted
    assert not switch.update(asking, later_ns + 999_000_000).aborted
    assert switch.update(asking, later_ns + 1_000_000_000).aborted


def test_a_stop_that_is_pressed_in_the_tick_of_a_reset_stays() -> None:
    switch = Switch(GateConfig(), True)
    both = SwitchInputs(decided(POLICY), asked=Asked(estop=True, reset_estop=True))
    assert switch.update(both, 0).mode is Mode.ESTOP
    assert switch.update(both, TICK_NS).mode is Mode.ESTOP
    reset = both._replace(asked=Asked(reset_estop=True))
    assert switch.update(reset, 2 * TICK_NS).mode is Mode.HOLD
