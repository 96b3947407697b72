"""From a bag alone: who drove from when to when, and why that changed."""

from __future__ import annotations

import re

import pytest

from il_core import cli
from il_core.errors import UserError
from il_core.told import change, scores
from il_core.types import EventKind, Mode, Owner
from il_data.explain import explain
from il_data.read import read_episode
from tests.il_data.fake import Rig
from tests.il_loop.bags import record
from tests.il_loop.test_rollout import WATCHED, loop
from tests.toy import ToyWorld


@pytest.fixture
def bag(tmp_path):
    """A rollout in which the human takes over a wrong policy, and its bag."""
    made = loop(WATCHED, (-0.1, -0.1, 0.08)).episode(5, 'watched')
    rig = Rig(tmp_path)
    return made, tmp_path / record(rig, made).episode_id


def test_every_change_of_mode_is_there_with_what_the_gate_said(bag):
    made, path = bag
    states = [step.state for step in made.steps]
    changed = [s for i, s in enumerate(states) if i == 0 or s.mode is not states[i - 1].mode]
    spans = explain(path).spans
    assert len(changed) >= 2
    assert [(s.state.mode, s.state.owner, s.state.cause) for s in spans] == [
        (s.mode, s.owner, s.cause) for s in changed
    ]
    for span, state in zip(spans, changed, strict=True):
        assert (span.state.detail, span.state.step) == (state.detail, state.step)
        assert span.state.checkpoint_id == state.checkpoint_id
        assert scores(span.state) == scores(state)
        assert span.state.joystick_age_s == pytest.approx(state.joystick_age_s, nan_ok=True)
    assert [s.before for s in spans] == [Mode.UNKNOWN, *(s.state.mode for s in spans[:-1])]


def test_times_add_up_to_the_episode(bag):
    made, path = bag
    spans = explain(path).spans
    assert sum(span.ticks for span in spans) == len(made.steps)
    ends = [span.begin_s + span.duration_s for span in spans]
    assert ends[:-1] == pytest.approx([span.begin_s for span in spans[1:]])
    human_s = sum(s.duration_s for s in spans if s.state.owner is Owner.HUMAN)
    humans = read_episode(path).human_actions
    assert human_s == pytest.approx(humans / 20, abs=0.051)  # the last tick has no end


def test_the_command_prints_the_line_of_the_log_and_the_events(bag, capsys):
    _, path = bag
    spans = explain(path).spans
    assert cli.main(['bags', 'explain', str(path)]) == 0
    out = capsys.readouterr().out
    for span in spans:
        assert change(span.before, span.state) in out
    assert '-> SUPERVISOR (HUMAN_REQUEST): the human gets control at once; episode' in out
    assert 'event OUTCOME: success' in out
    times = [float(at) for at in re.findall(r'^ *(-?[\d.]+) s  ', out, re.MULTILINE)]
    assert len(times) > len(spans)
    assert times == sorted(times)


def test_hold_before_the_start_and_faults_are_part_of_it(tmp_path):
    rig = Rig(tmp_path)
    path = tmp_path / rig.episode(ticks=20, human=range(5, 9)).episode_id
    spans = explain(path).spans
    modes = [span.state.mode for span in spans]
    wanted = [Mode.HOLD, Mode.AUTONOMOUS, Mode.SUPERVISOR, Mode.AUTONOMOUS]
    assert modes == wanted
    assert spans[2].state.scores == {'novelty': 10.5}
    assert 'novelty 10.5 > 0.5' in change(spans[2].before, spans[2].state)
    assert [e.kind for _, e in explain(path).events] == [EventKind.STARTED, EventKind.OUTCOME]


def test_a_bag_in_which_no_episode_ran_is_refused_with_the_reason(tmp_path):
    rig = Rig(tmp_path)
    rig.begin()
    rig.tick(ToyWorld(rig.spec), 1, '', Mode.HOLD, Owner.NOBODY)
    rig.outcome()
    with pytest.raises(UserError, match='holds no gate/status of an episode'):
        explain(tmp_path / rig.settle().episode_id)
