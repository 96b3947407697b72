"""A gate over recordings: what counts, up to where, and what is said of it."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest

from il_core import cli
from il_core.errors import UserError
from il_core.types import Cause, Decision, EpisodeEvent, EventKind, Mode, Owner, Proposal
from il_data.manifest import Verdict
from il_gating.api import GATES, STEADY
from il_gating.config import GateConfig
from il_gating.gate_file import GATE_FILE, gate_json, load_fit
from il_gating.gates.lazy_dagger import LazyDagger, LazyParams
from il_gating.gates.thrifty_dagger import ThriftyDagger, ThriftyParams
from il_loop.cast import ALONE, DEMONSTRATE, INSTANT, Cast, make_loop, play
from il_loop.replay import intervention_s, policy_ticks, replay, trace
from il_policy.checkpoint import GRAPH, extend, load
from tests.il_data.fake import Rig
from tests.il_gating.test_gates import fitted
from tests.toy import ToyWorld, toy_spec


class Constant:
    """A policy that goes one way."""

    def __init__(self, x: float) -> None:
        self.spec, self.checkpoint_id = toy_spec(), f'constant {x}'
        self._action = np.array([x, 0.0, 0.08])

    def reset(self) -> None:
        """Nothing to forget."""

    def propose(self, frame):
        return Proposal(frame, self.checkpoint_id, self.spec.hash, self._action)


class Perfect(Constant):
    """The supervisor's own way: ee_pose x y, finger, goal x y."""

    def propose(self, frame):
        step = np.clip(frame.vector[3:5] - frame.vector[:2], -0.1, 0.1)
        return Proposal(frame, self.checkpoint_id, self.spec.hash, np.append(step, 0.08))


class Far:
    """Asks where the hand is farther from the goal than `limit`."""

    name, needs_expert_action, autonomous_start = 'far', False, True

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def reset(self, rng):
        """Nothing to forget."""

    def decide(self, inputs):
        frame = inputs.proposal.frame.vector
        far = float(np.linalg.norm(frame[3:5] - frame[:2]))
        owner = Owner.POLICY if far <= self.limit else Owner.HUMAN
        return Decision(owner, Cause.NOVELTY, {'far': far, 'never': float('nan')})


def alone(policy, seeds):
    return play(make_loop(ToyWorld(), ALONE, policy=policy), seeds)


AWAY, THERE = Constant(-0.1), Perfect(0.0)


@pytest.fixture(scope='module')
def episodes():
    """Six that failed, walking away, and six that reached the goal."""
    return [*alone(AWAY, range(6)), *alone(THERE, range(6))]


def test_failures_stand_out_where_the_score_knows_them(episodes):
    found = replay(episodes, AWAY, Far(2.5))
    assert (found.needed, found.unneeded, found.unknown, found.left_out) == (6, 6, 0, 0)
    assert found.other == 6, 'those of the other policy'
    (curve,) = found.curves
    assert curve.score == 'far', 'a score that is never known has no curve'
    assert curve.area.value == 1.0
    assert found.as_set.caught.value == 1.0
    assert found.as_set.alarms.value == 0.0
    assert found.as_set.requests == 6
    assert found.intervention_s is found.as_set.human_share is None


def test_a_request_ends_an_episode_for_the_clock(episodes):
    (walk,) = alone(AWAY, [0])
    found = trace(walk, AWAY, Far(2.5))
    first = int(found.asked.argmax())
    assert 0 < first < len(walk) - 1
    minutes = (first + 1) * 0.05 / 60
    assert replay([walk], AWAY, Far(2.5)).as_set.per_minute == pytest.approx(1 / minutes)
    never = replay([walk], AWAY, Far(99.0)).as_set
    assert (never.requests, never.per_minute) == (0, 0.0)


def test_a_late_tick_without_a_frame_is_one_on_which_no_gate_is_asked():
    (walk,) = alone(AWAY, [0])
    late = dataclasses.replace(walk, steps=walk.steps.copy())
    late.steps['frame'][3] = np.nan
    found = trace(late, AWAY, Far(99.0))
    assert not found.asked.any(), 'what is not known is not safe, where it is looked at'
    assert np.isfinite(found.scores['far']).all()
    clock = replay([walk], AWAY, Far(2.5)).as_set.per_minute
    assert replay([late], AWAY, Far(2.5)).as_set.per_minute == clock, 'it passes all the same'
    never = dataclasses.replace(walk, steps=walk.steps.copy())
    never.steps['frame'] = np.nan
    assert replay([walk, never], AWAY, Far(2.5)).left_out == 1


def test_only_what_was_before_the_first_switch_counts():
    cast = Cast('random', {'rate': 0.1, 'duration': 3}, INSTANT, {'style': 'always'})
    mixed = play(make_loop(ToyWorld(), cast, policy=AWAY), range(8))
    switched = [e for e in mixed if e.interventions]
    assert len(switched) > 3
    for e in switched:
        found = trace(e, AWAY, Far(0.0))
        ticks = len(found.asked) - 1
        assert (e.owners[:ticks] == Owner.POLICY).all()
        assert e.owners[ticks] == Owner.HUMAN
        assert found.needed is None, 'a gate asked: nobody knows'
    taken = Cast('hg_dagger', operator={'style': 'own_judgement'}, config=INSTANT)
    own = play(make_loop(ToyWorld(), taken, policy=AWAY), range(3))
    assert {trace(e, AWAY, Far(0.0)).needed for e in own} == {True}, 'the human took over unasked'
    owned, times = sum(e.human_actions for e in mixed), sum(e.interventions for e in mixed)
    assert intervention_s(mixed) == pytest.approx(0.05 * owned / times)
    began = dataclasses.replace(mixed[0], steps=mixed[0].steps.copy())
    began.steps['owner'] = Owner.POLICY
    began.steps['owner'][:10] = began.steps['owner'][12:15] = Owner.HUMAN
    assert intervention_s([began]) == pytest.approx(0.05 * 3), 'he began with it: no intervention'
    found = replay(mixed, AWAY, Far(0.5))
    spent = found.as_set.requests * found.intervention_s
    assert found.as_set.human_share == pytest.approx(
        spent / (spent + 60 * found.as_set.requests / found.as_set.per_minute)
    )


@pytest.mark.parametrize(('gate', 'style'), [('random', 'always'), ('hg_dagger', 'own_judgement')])
def test_a_gate_asks_in_its_own_recordings_where_it_did(gate, style):
    """At the tick of a request the policy was about to act: the gate was asked there, too."""
    params = {'rate': 0.1, 'duration': 3} if gate == 'random' else {}
    cast = Cast(gate, params, INSTANT, {'style': style})
    made = play(make_loop(ToyWorld(), cast, policy=AWAY), range(30, 36))
    switched = [e for e in made if e.interventions]
    assert len(switched) > 2
    again = GATES.load(gate).build(toy_spec(), None, params)
    for e in switched:
        first = policy_ticks(e)
        assert trace(e, AWAY, again).asked.tolist() == [False] * first + [True]
    found = replay(made, AWAY, again).as_set
    assert found.requests == len(switched)
    ticks = sum(min(policy_ticks(e) + 1, len(e)) for e in made)
    assert found.per_minute == pytest.approx(60 * len(switched) / (ticks * 0.05))
    if gate == 'hg_dagger':
        assert found.caught.value == 1.0


@pytest.mark.parametrize(
    ('config', 'style'), [(INSTANT, 'always'), (GateConfig(auto_start=True), 'on_request')]
)
def test_a_request_at_the_first_tick_counts_as_any_other(config, style):
    """The policy was about to act, unless the human was faster."""
    params = {'rate': 0.5, 'duration': 3}
    cast = Cast('random', params, config, {'style': style})
    made = play(make_loop(ToyWorld(), cast, policy=AWAY), range(30, 36))
    at_once = [e for e in made if not policy_ticks(e)]
    assert 0 < len(at_once) < 6
    again = GATES.load('random').build(toy_spec(), None, params)
    for e in at_once:
        found = trace(e, AWAY, again)
        assert (found.asked.tolist(), found.needed) == ([True], None)
    found = replay(made, AWAY, again)
    assert (found.left_out, found.as_set.requests) == (0, 6)
    ticks = sum(policy_ticks(e) + 1 for e in made)
    assert found.as_set.per_minute == pytest.approx(60 * 6 / (ticks * 0.05))
    his = Cast('hg_dagger', operator={'style': 'always'}, config=config)
    own = play(make_loop(ToyWorld(), his, policy=AWAY), range(2))
    assert replay([*made, *own], AWAY, again).left_out == 2


def test_a_human_who_took_over_before_he_held_the_dead_man_was_needed():
    """With an instant hand-over the robot holds meanwhile; why, says the event that follows."""
    (walk,) = alone(AWAY, [0])
    steps = walk.steps.copy()
    steps['owner'][7:9], steps['mode'][7:9] = Owner.NOBODY, Mode.HOLD
    steps['cause'][7:9] = Cause.STALE_JOYSTICK
    steps['owner'][9:], steps['mode'][9:] = Owner.HUMAN, Mode.SUPERVISOR
    steps['cause'][9:] = Cause.OPERATOR_READY
    for cause, needed in ((Cause.HUMAN_REQUEST, True), (Cause.NOVELTY, None)):
        began = EventKind.INTERVENTION_BEGAN
        told = EpisodeEvent(0, began, 'e', 0, int(steps['tick'][9]), cause=cause)
        found = trace(dataclasses.replace(walk, steps=steps, events=(told,)), AWAY, Far(99.0))
        assert (len(found.asked), found.needed) == (8, needed)


def test_a_score_by_which_a_gate_never_asks_has_no_curve():
    """The human's dead-man at the tick of a take-over is not what LazyDAgger waits for."""
    cast = Cast('hg_dagger', operator={'style': 'own_judgement'}, config=INSTANT)
    own = play(make_loop(ToyWorld(), cast, policy=AWAY), range(3))
    gate = LazyDagger(Unsafe(), toy_spec(), 0.2, LazyParams())
    assert [curve.score for curve in replay(own, AWAY, gate).curves] == ['unsafe']


class Unsafe:
    """A classifier that trusts a place the less, the farther it is from the goal."""

    def __call__(self, frame):
        return float(np.linalg.norm(frame[3:5] - frame[:2])) / 4


def test_a_policy_that_was_asked_for_by_nobody_has_no_more_ticks_than_it_had():
    """After a fault nobody asked; a robot that stands is not the policy's."""
    (walk,) = alone(AWAY, [0])
    stopped = dataclasses.replace(walk, steps=walk.steps.copy())
    stopped.steps['owner'][7:], stopped.steps['mode'][7:] = Owner.NOBODY, Mode.HOLD
    stopped.steps['cause'][7:] = Cause.POLICY_FAULT
    assert len(trace(stopped, AWAY, Far(99.0)).asked) == 7


def test_fewer_requests_the_higher_the_threshold(episodes):
    points = replay(episodes, AWAY, Far(1.0)).curves[0].points
    assert len(points) > 3
    limits = [p.threshold for p in points]
    assert limits == sorted(limits)
    for looser, stricter in itertools.pairwise(points):
        assert stricter.requests <= looser.requests
        assert stricter.per_minute <= looser.per_minute + 1e-9


def test_a_gate_that_looks_at_the_human_needs_recordings_that_have_him(episodes):
    """Without his actions it would ask at once, everywhere."""
    gate = GATES.load('ensemble_dagger').build(
        toy_spec(), None, {'discrepancy': 0.5, 'doubt': 1.0}
    )
    with pytest.raises(UserError, match='episodes for gate ensemble_dagger is 12: have no action'):
        replay(episodes, AWAY, gate)
    cast = Cast('dagger', {'beta': 0.0}, INSTANT, {'style': 'always'})
    told = play(make_loop(ToyWorld(), cast, policy=THERE), range(20, 23))
    found = replay([*episodes, *told], Sure(), gate)
    assert (found.unlabelled, found.unneeded, found.as_set.requests) == (12, 3, 0)


def test_the_order_of_recordings_does_not_count(episodes):
    """As `il gate replay` sets it, a gate that learns from what it sees learns nothing."""

    def said(recordings, **params):
        scores = np.linspace(0.1, 1.0, 40)[:, None].repeat(2, axis=1)
        made = ThriftyParams(**params)
        gate = ThriftyDagger(toy_spec(), Near(), scores, 0.3, 0.3, made)
        return replay(recordings, Sure(), gate).as_set

    mixed = [e for pair in zip(episodes[:6], episodes[6:], strict=True) for e in pair]
    steady = STEADY['thrifty_dagger']
    assert said(mixed, **steady) == said(mixed[::-1], **steady)
    assert 0 < said(mixed, **steady).requests < 12
    assert said(mixed) != said(mixed[::-1]), 'otherwise this says nothing'


class Near:
    """A critic that thinks less of a place the farther it is from the goal."""

    def __call__(self, frame, action):
        return 1.0 - float(np.linalg.norm(frame[3:5] - frame[:2])) / 3


class Sure(Perfect):
    """With a variance of 0."""

    def __init__(self) -> None:
        super().__init__(0.0)

    def propose(self, frame):
        return dataclasses.replace(super().propose(frame), variance=np.zeros(3))


def test_bad_recordings_count_for_nothing(tmp_path, capsys):
    rig = Rig(tmp_path / 'bags')
    for seed in range(3):
        last = rig.episode(human=range(10, 20), seed=seed)
    bag = rig.folder / last.episode_id
    dataclasses.replace(last, verdict=Verdict.BAD).save(bag)
    checkpoint, _, _ = fitted(tmp_path, toy_spec())
    command = ['gate', 'replay', str(rig.folder), '--checkpoint', str(checkpoint)]
    assert cli.main([*command, '--gate', 'novelty', '--out', str(tmp_path / 'out.json')]) == 0
    said = capsys.readouterr().out
    assert '2 episodes up to their first switch' in said
    assert 'left out: 1 BAD recordings; `il bags check` says why' in said
    assert json.loads((tmp_path / 'out.json').read_text())['bad'] == 1
    command[2] = str(bag)
    assert cli.main([*command, '--gate', 'novelty']) == 2
    assert 'all of them are BAD recordings' in capsys.readouterr().err


def test_demonstrations_hold_nothing_to_replay_on():
    demos = play(make_loop(ToyWorld(), DEMONSTRATE), range(2))
    with pytest.raises(UserError, match='none begins with the policy'):
        replay(demos, AWAY, Far(1.0))


def test_the_command_prints_a_table_and_writes_json(tmp_path, capsys):
    rig = Rig(tmp_path / 'bags')
    for seed in range(3):
        rig.episode(human=range(10, 20), seed=seed)
    rig.cause = Cause.EXPERT_ONLY
    rig.episode(human=range(5), seed=8)
    checkpoint, _, _ = fitted(tmp_path, toy_spec())
    out = tmp_path / 'replay.json'
    command = ['gate', 'replay', str(rig.folder), '--checkpoint', str(checkpoint)]
    assert cli.main([*command, '--gate', 'novelty', '--out', str(out)]) == 0
    said = capsys.readouterr().out
    assert '3 episodes up to their first switch' in said
    assert 'left out: 1' in said
    assert 'not in a recording' in said
    assert json.loads(out.read_text())['curves'][0]['score'] == 'novelty'
    assert cli.main([*command, '--gate', 'novelty', '--gate-params', '{alfa: 1}']) == 2
    assert 'alfa' in capsys.readouterr().err
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert '--gate' in said
    assert 'several; choices: ensemble_dagger, lazy_dagger, novelty' in said
    assert cli.main([*command, '--gate', 'novelty', '--out', str(tmp_path)]) == 2
    assert 'is a folder; name a file' in capsys.readouterr().err


@pytest.mark.parametrize('columns', ['', '60'])
def test_nothing_in_its_table_is_cut(tmp_path, capsys, monkeypatch, columns):
    """In a pipe a row is one line; in a narrow one it is folded."""
    monkeypatch.setenv('COLUMNS', columns)
    rig = Rig(tmp_path / 'bags')
    rig.episode(human=range(10, 20))
    checkpoint, _, _ = fitted(tmp_path, toy_spec())
    command = ['gate', 'replay', str(rig.folder), '--checkpoint', str(checkpoint)]
    assert cli.main([*command, '--gate', 'novelty']) == 0
    said = capsys.readouterr().out
    assert '…' not in said
    head = [line.split('┃')[1:-1] for line in said.splitlines() if line.startswith('┃')]
    words = [''.join(part.strip() for part in column) for column in zip(*head, strict=True)]
    assert [word.replace(' ', '') for word in words][1:5] == [
        'threshold',
        'requests',
        'perminute',
        'caught',
    ]
    assert (len(head) == 1) is (not columns)
    if columns:
        assert max(len(line) for line in said.splitlines() if line[:1] in '┃│') <= 60


def test_the_one_gate_of_a_checkpoint_is_the_default(tmp_path, capsys):
    rig, spec = Rig(tmp_path / 'bags'), toy_spec()
    rig.episode(human=range(10, 20))
    checkpoint, _, _ = fitted(tmp_path, spec)
    one = {'novelty': load_fit(spec, checkpoint, 'novelty')}
    for name, fits in (('one', one), ('none', {})):
        made = gate_json(load(checkpoint).read(GRAPH), spec, fits)
        extend(checkpoint, tmp_path / name, {GATE_FILE: made})
    command = ['gate', 'replay', str(rig.folder), '--checkpoint']
    assert cli.main([*command, str(tmp_path / 'one')]) == 0
    assert 'novelty: 1 episodes' in capsys.readouterr().out
    assert cli.main([*command, str(tmp_path / 'none')]) == 2
    assert 'the checkpoint holds no fitted one; choices: dagger' in capsys.readouterr().err
    later = json.loads(made) | {'format': 99}
    extend(checkpoint, tmp_path / 'later', {GATE_FILE: json.dumps(later).encode()})
    assert cli.main([*command, str(tmp_path / 'later')]) == 2
    assert 'gate.json: format is 99: must be 1' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(['gate', '--help'])
    assert 'default: the one that was fitted' in ' '.join(capsys.readouterr().out.split())
