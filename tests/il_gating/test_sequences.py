"""No story of inputs, losses, delays, clocks and restarts makes the gate do what it must not.

The robots are the shipped Pandas with their own limits, and one that has every kind of axis.
`pytest -m slow` tells many more stories.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from il_core.load import load_spec
from il_core.spec import Axis, RobotSpec, Spec, Stream, TaskSpec
from il_core.types import AxisKind
from il_gating.config import GateConfig
from tests.il_gating.oracle import Commands, Modes
from tests.il_gating.story import SHARES, Story, Turn

EVERY_KIND = Spec(
    RobotSpec(
        'every_kind',
        20.0,
        (
            Axis('p', AxisKind.POSITION, -1, 1, max_rate=2.0, measured='joints/p'),
            Axis('s', AxisKind.POSITION, -1, 1, max_rate=2.0, max_accel=9.0, measured='joints/s'),
            Axis('v', AxisKind.VELOCITY, -0.5, 1, max_rate=4.0),
            Axis('w', AxisKind.VELOCITY, -1, 1, max_rate=4.0, max_accel=20.0),
            Axis('d', AxisKind.DELTA, -0.1, 0.1, max_rate=1.0, max_accel=7.0),
            Axis('g', AxisKind.LATCHED, 0, 0.08, max_rate=0.8, idle=0.08),
            Axis('h', AxisKind.LATCHED, 0, 0.08, max_rate=0.8, max_accel=5.0, measured='joints/h'),
            Axis('n', AxisKind.DISCRETE, 0, 2, idle=1),
        ),
        (Stream('joints', 'joint_state', ('p', 's', 'h')),),
    ),
    TaskSpec('t', 'every_kind', 2.0),
)


def _real(spec: Spec) -> Spec:
    robot = replace(spec.robot, real=True, command_timeout_enforced_by='its driver')
    return replace(spec, robot=robot)


def _free(spec: Spec) -> Spec:
    """No limits on rate, as a simulated robot may be."""
    axes = tuple(replace(a, max_rate=0.0) for a in spec.axes)
    return replace(spec, robot=replace(spec.robot, axes=axes))


PANDA, PANDA_YAW = load_spec('reach'), load_spec('peg_insert')
SPECS = {
    'panda': PANDA,
    'real panda': _real(PANDA),
    'panda_yaw': PANDA_YAW,
    'real panda_yaw': _real(PANDA_YAW),
    'every kind': EVERY_KIND,
    'every kind, real': _real(EVERY_KIND),
    'every kind, no rates': _free(EVERY_KIND),
}
MS = 1_000_000


def turns() -> st.SearchStrategy[Turn]:
    """One change and the ticks after it; none: the next change comes in the same tick."""

    def change(what: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[Turn]:
        return st.builds(Turn, st.just(what), values, st.integers(0, 9))

    def one_of(*values: object) -> st.SearchStrategy[object]:
        return st.sampled_from(values)

    corners = st.integers(0, len(SHARES) ** 8 - 1)
    return st.one_of(
        change('policy', corners),
        change('human', corners),
        change('wants', one_of('policy', 'human')),
        change('engaged', st.booleans()),
        change('press', one_of('takeover', 'release', 'estop')),
        change('ask', one_of('takeover', 'release', 'resume', 'reset_estop', 'estop')),
        change('start', st.none()),
        change('policy_is', one_of('fine', 'nan', 'size', 'none', 'fault', 'mismatch', 'foreign')),
        change('frame_is', one_of('fine', 'nan', 'size', 'fault')),
        change('human_is', one_of('fine', 'nan', 'size', 'none')),
        change('proposals', one_of('new', 'none', 'again', 'older')),
        change('joystick', one_of('new', 'none', 'again', 'older')),
        change('delay_ns', one_of(0, 120 * MS, 290 * MS, 500 * MS)),
        change('clock', one_of(-50 * MS, 160 * MS, 400 * MS, 60_000 * MS)),
        change('stamps', one_of(-5000 * MS, -120 * MS, 700 * MS, 60_000 * MS)),
        change('place', st.floats(-1.2, 1.2)),
        change('end', st.none()),
        change('restart', st.none()),
    )


# Half of all stories begin where somebody acts, so that there is something to lose.
OPENINGS = (
    (),
    (Turn('start', None, 4),),
    (Turn('start', None, 4), Turn('engaged', True), Turn('press', 'takeover', 4)),
    (Turn('start', None, 4), Turn('engaged', True), Turn('wants', 'human', 6)),
)
# What belongs together and chance seldom brings together: while everything moves.
PHRASES = (
    (Turn('press', 'estop', 1), Turn('ask', 'reset_estop', 3)),
    (Turn('press', 'estop', 2), Turn('ask', 'reset_estop', 0), Turn('press', 'estop', 2)),
    (Turn('frame_is', 'fault', 3), Turn('frame_is', 'fine', 0), Turn('ask', 'resume', 5)),
    (Turn('end', None, 5), Turn('start', None, 3)),
    (Turn('joystick', 'none', 8), Turn('joystick', 'new', 3)),
)
STORIES = st.builds(
    lambda opening, rest: [turn for part in (opening, *rest) for turn in part],
    st.sampled_from(OPENINGS),
    st.lists(st.one_of(turns().map(lambda t: (t,)), st.sampled_from(PHRASES)), max_size=25),
)
CONFIGS = st.builds(
    GateConfig,
    handover=st.sampled_from(['instant', 'request']),
    latency_s=st.sampled_from([0.0, 0.2]),
    timeout_s=st.just(1.0),
    hand_back_ticks=st.sampled_from([1, 3]),
    auto_return=st.booleans(),
    auto_start=st.sampled_from([True, True, False]),
    auto_resume=st.booleans(),
)


def tell(spec: Spec, config: GateConfig, autonomous_start: bool, story: list[Turn]) -> None:
    told = Story(spec, config, autonomous_start)
    modes, commands = Modes(config, autonomous_start), Commands(spec, config)
    for moment in told.play(story):
        modes.judge(moment)
        commands.judge(moment)


def _told_often(examples: int, same: bool = False) -> settings:
    """`same`: the same stories in every run, so that a run says something about the code alone."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples, derandomize=same, deadline=None, suppress_health_check=checks
    )


ASK = (Turn('start', None, 4), Turn('wants', 'human', 3))
FOUND = {
    'an axis with an acceleration limit swung back after a stop': (
        *OPENINGS[2],
        Turn('press', 'estop'),
        Turn('ask', 'reset_estop', 3),
    ),
    'a stop in the tick of a reset was undone': (
        *OPENINGS[1],
        Turn('ask', 'reset_estop', 0),
        Turn('ask', 'estop', 3),
    ),
    'a frame that is no number became a command': (Turn('frame_is', 'nan', 3),),
    'a proposal sent twice was acted on twice': (
        *OPENINGS[1],
        Turn('policy', 0, 2),
        Turn('proposals', 'again', 2),
    ),
    'an action that was overtaken was acted on': (*OPENINGS[2], Turn('joystick', 'older', 2)),
    'a request timed out by the clock of the one before': (
        *ASK,
        Turn('end', None, 9),
        Turn('start', None, 9),
        Turn('end', None, 9),
        Turn('start', None, 9),
    ),
}


@pytest.mark.parametrize('what', FOUND)
def test_what_stories_found_once_stays_mended(what: str) -> None:
    for handover in ('instant', 'request'):
        config = GateConfig(handover=handover, timeout_s=1.0, auto_start=True)
        for autonomous_start in (True, False):
            tell(EVERY_KIND, config, autonomous_start, list(FOUND[what]))


@pytest.mark.parametrize('name', SPECS)
@_told_often(100, same=True)
@given(CONFIGS, st.booleans(), STORIES)
def test_no_story_breaks_a_limit_or_a_rule(
    name: str, config: GateConfig, autonomous_start: bool, story: list[Turn]
) -> None:
    tell(SPECS[name], config, autonomous_start, story)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize('name', SPECS)
@_told_often(1500)
@given(CONFIGS, st.booleans(), STORIES)
def test_no_story_of_very_many_breaks_a_limit_or_a_rule(
    name: str, config: GateConfig, autonomous_start: bool, story: list[Turn]
) -> None:
    tell(SPECS[name], config, autonomous_start, story)
