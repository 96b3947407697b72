"""Rounds with every gate that is fitted: trained, refitted, at work, and cheap to repeat."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from il_core.errors import UserError
from il_core.load import load_spec
from il_core.types import Outcome, Owner, Proposal
from il_data.dataset import labels
from il_data.manifest import Verdict
from il_gating.gate_file import load_fit
from il_gating.gates.lazy_dagger import LazyDagger
from il_gating.scorer import CLASSIFIER, CRITIC
from il_loop.cast import ALONE, DEMONSTRATE, INSTANT, Cast, aided, make_loop, play
from il_loop.episodes import burden, summarise
from il_loop.fits import FITS, PROBED, SPREAD, safety
from il_loop.fits.doubt import doubts_at_takeover
from il_loop.fits.thrifty import transitions
from il_loop.gate_fit import FitInputs
from il_loop.probe import alone, prober
from il_loop.rounds import RoundConfig, make_round
from il_loop.run_folder import RunFolder
from il_loop.sides import learned_seeds
from il_policy import checkpoint
from il_policy.bc import BcConfig
from il_policy.critic import CriticConfig
from il_policy.sampling import split
from tests.toy import ToyWorld, toy_spec

BC = BcConfig(members=3, hidden=(32, 32), epochs=60, batch=32)
CRITICS = CriticConfig(steps=200, hidden=(16,))
PROBES = 3


def config(gate: str) -> RoundConfig:
    return RoundConfig(BC, gate, critic=CRITICS)


@pytest.fixture(scope='module')
def demos():
    return play(make_loop(ToyWorld(), DEMONSTRATE), range(4), 'demo')


@pytest.fixture(scope='module', params=FITS.names())
def twice(request, tmp_path_factory, demos):
    """A gate's name and a run folder with two rounds of it."""
    gate, run = request.param, RunFolder(tmp_path_factory.mktemp(request.param))

    def probe(policy):
        return alone(ToyWorld(), policy, range(500, 500 + PROBES))

    make_round(run, demos, config(gate), probe=probe)
    loop = make_loop(ToyWorld(), aided(gate), run.checkpoint(0))
    helped = play(loop, range(100, 106), 'helped')
    make_round(run, [*demos, *helped], config(gate), probe=probe)
    return gate, run, helped


def test_seeds_of_the_probes_are_among_those_that_a_gate_has_learned_from(twice):
    assert learned_seeds(twice[1].checkpoint(1)) == set(range(701_000, 701_000 + PROBES))


def test_a_round_leaves_a_gate_that_runs(twice):
    gate, run, helped = twice
    loaded = checkpoint.load(run.checkpoint(1), toy_spec())
    files = {
        'thrifty_dagger': {CRITIC},
        'safe_dagger': {CLASSIFIER},
        'lazy_dagger': {CLASSIFIER},
    }.get(gate, set())
    assert files <= set(loaded.files)
    loop = make_loop(ToyWorld(), aided(gate), run.checkpoint(1))
    again = make_loop(ToyWorld(), aided(gate), run.checkpoint(1))
    first, second = (play(each, range(200, 204)) for each in (loop, again))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.owners, b.owners)
        np.testing.assert_array_equal(a.commands, b.commands)
    assert {e.manifest.checkpoint_id for e in helped} == {checkpoint.load(run.checkpoint(0)).id}


def test_round_json_tells_how_the_gate_was_fitted(twice):
    gate, run, _ = twice
    first, second = run.rounds()
    assert first.gate['name'] == second.gate['name'] == gate
    words = {
        'ensemble_dagger': 'held-out labels',
        'hg_dagger': 'interventions',
        'dagger': 'rounds',
    }
    assert second.gate['states'] in ('of the policy', 'labels', words.get(gate))
    assert second.gate['alpha'] == {
        'thrifty_dagger': 0.01,
        'hg_dagger': 0.0,
        'dagger': 0.0,
    }.get(gate, 0.2)
    assert second.gate['probes'] == PROBES
    assert (
        dict(load_fit(toy_spec(), run.checkpoint(1), gate).thresholds)
        == (second.gate['thresholds'])
    )


def test_the_schedule_of_dagger_follows_the_rounds(demos, tmp_path):
    run, made = RunFolder(tmp_path), demos
    chances = []
    for number in range(3):
        make_round(run, made, config('dagger'))
        cast = aided('dagger', {'schedule': 'exponential', 'p': 0.25})
        found = play(make_loop(ToyWorld(), cast, run.checkpoint(number)), [100 + number], 'r')
        chances.append(found[0].steps['thresholds'][0, 0])
        made = [*made, *found]
    assert chances == [1 - 0.25, 1 - 0.25**2, 1 - 0.25**3], 'the chance of the policy'
    assert [made.gate['thresholds']['iteration'] for made in run.rounds()] == [2, 3, 4]


def test_a_schedule_without_an_iteration_says_where_one_comes_from(demos, tmp_path):
    make_round(RunFolder(tmp_path), demos, config('novelty'))
    cast = aided('dagger', {'schedule': 'linear'})
    with pytest.raises(UserError, match=r'must be given for schedule linear .*il round'):
        make_loop(ToyWorld(), cast, RunFolder(tmp_path).checkpoint(0))


def test_what_the_first_round_fixed_stays(twice):
    gate, run, _ = twice
    fixed = {
        'thrifty_dagger': 'discrepancy',
        'ensemble_dagger': 'discrepancy',
        'safe_dagger': 'tau',
        'lazy_dagger': 'tau',
    }
    if gate in fixed:
        first, second = (made.gate['thresholds'][fixed[gate]] for made in run.rounds())
        assert first == second


@pytest.mark.parametrize('before', ['novelty', 'ensemble_dagger'])
def test_what_stays_is_of_the_first_round_with_that_gate(before, demos, tmp_path):
    """Thresholds of other gates have the same names and mean something else."""
    alone_ = make_round(RunFolder(tmp_path / 'alone'), demos, config('thrifty_dagger'))
    run = RunFolder(tmp_path / 'after')
    other = make_round(run, demos[:3], config(before))
    made = make_round(run, demos, config('thrifty_dagger'))
    own = alone_.gate['thresholds']['discrepancy']
    assert made.gate['thresholds']['discrepancy'] == own
    assert other.gate['thresholds']['discrepancy'] != own


@pytest.mark.parametrize('gate', ['ensemble_dagger', 'safe_dagger'])
def test_a_threshold_that_stays_keeps_its_alpha(demos, tmp_path, gate):
    run = RunFolder(tmp_path)
    make_round(run, demos[:3], dataclasses.replace(config(gate), alpha=0.3))
    with pytest.raises(UserError, match=r'alpha is 0\.5: must be 0\.3: by it the first round'):
        make_round(run, demos, dataclasses.replace(config(gate), alpha=0.5))
    assert make_round(run, demos, config(gate)).gate['alpha'] == 0.3


def test_tau_stays_from_safe_to_lazy_and_so_does_its_alpha(demos, tmp_path):
    run = RunFolder(tmp_path)
    make_round(run, demos[:2], config('novelty'))
    first = make_round(run, demos[:3], dataclasses.replace(config('safe_dagger'), alpha=0.3))
    other = dataclasses.replace(config('lazy_dagger'), alpha=0.5)
    with pytest.raises(UserError, match=r'alpha is 0\.5: must be 0\.3: by it the first round'):
        make_round(run, demos, other)
    second = make_round(run, demos, config('lazy_dagger'))
    assert first.gate['thresholds']['tau'] == second.gate['thresholds']['tau']
    assert first.gate['alpha'] == second.gate['alpha'] == 0.3


def test_a_recording_that_is_not_trusted_trains_no_gate(demos, tmp_path):
    spoilt = dataclasses.replace(demos[3].manifest, verdict=Verdict.BAD)
    bad = dataclasses.replace(demos[3], manifest=spoilt)
    gates = []
    for name, episodes in (('with', [*demos[:3], bad]), ('without', demos[:3])):
        run = RunFolder(tmp_path / name)
        make_round(run, episodes, config('thrifty_dagger'))
        gates.append((run.checkpoint(0) / CRITIC).read_bytes())
    assert gates[0] == gates[1]


def test_rows_without_weight_move_no_other_row_into_the_hold_out(demos):
    """What the policy was trained on and what it was judged by are of the same division."""
    mixed = labels(demos).columns
    weight = np.where(mixed.episode == 1, 0.0, 1.0)
    trained = mixed.episode[weight > 0]
    inputs = FitInputs(
        'novelty',
        0,
        Path(),
        mixed,
        trained,
        demos,
        demos,
        (),
        Path(),
        dataclasses.replace(BC, validation=0.3),
        0,
        CRITICS,
    )
    chosen = split(trained, 0.3, 0)
    assert set(mixed.episode[inputs.parts.validation]) == set(trained[chosen.validation])


@pytest.mark.parametrize('gate', SPREAD)
def test_a_gate_that_looks_for_disagreement_needs_more_than_one_member(gate):
    with pytest.raises(UserError, match=f'members is 1: must be at least 2 for gate {gate}'):
        RoundConfig(dataclasses.replace(BC, members=1), gate)


def test_where_many_are_as_far_apart_as_can_be_those_are_unsafe():
    apart = np.array([0.0] * 7 + [2.0] * 3)
    assert safety._tau(apart, 0.2) == 0.0
    assert safety._tau(apart, 0.3) == 0.0
    assert safety._tau(np.arange(10.0), 0.2) == 7.0
    assert safety._tau(np.zeros(10), 0.2) == 0.0


def test_more_probes_than_there_are_seeds_for_are_refused():
    with pytest.raises(UserError, match='probes is 1001: must be 0 to 1000'):
        RoundConfig(probes=1001)
    spec = load_spec('reach')
    assert prober(spec, RoundConfig(gate='thrifty_dagger', probes=1000), 0) is not None
    assert prober(spec, RoundConfig(gate='thrifty_dagger', probes=0), 0) is None
    assert prober(spec, RoundConfig(gate='novelty'), 0) is None


def test_thresholds_of_one_policy_hold_another_one(demos, tmp_path):
    run = RunFolder(tmp_path)
    make_round(run, demos, config('novelty'))
    loop = make_loop(ToyWorld(), aided('novelty'), run.checkpoint(0), policy=Other())
    with pytest.raises(UserError, match='the gate was fitted for another policy'):
        play(loop, [7])


class Other:
    """A policy that the gate was not fitted for."""

    checkpoint_id = 'other'

    def reset(self):
        """Nothing to forget."""

    def propose(self, frame):
        return Proposal(frame, 'other', toy_spec().hash, np.zeros(3), np.zeros(3))


def test_where_the_human_acts_at_every_tick_every_state_is_labelled(demos, tmp_path):
    run = RunFolder(tmp_path)
    first = make_round(run, demos, config('dagger'))
    assert (first.gate['name'], first.gate['probes']) == ('dagger', 0)
    cast = Cast('dagger', {'beta': 0.3}, INSTANT, {'style': 'always'})
    mixed = play(make_loop(ToyWorld(), cast, run.checkpoint(0)), range(100, 106), 'mixed')
    steps, own = sum(map(len, mixed)), sum(e.human_actions for e in mixed)
    assert 0.1 < own / steps < 0.6, 'both acted'
    second = make_round(run, [*demos, *mixed], config('dagger'))
    assert second.new_labels == steps
    assert 'whoever acts' in second.selection
    other = make_round(RunFolder(tmp_path / 'other'), [*demos, *mixed], config('hg_dagger'))
    assert other.labels == first.labels + own


def test_weighted_labels_train_the_policy_and_not_the_gate(demos, tmp_path):
    run = RunFolder(tmp_path)
    make_round(run, demos, config('safe_dagger'))
    mixed = play(make_loop(ToyWorld(), aided('safe_dagger'), run.checkpoint(0)), range(100, 106))
    weighted = dataclasses.replace(config('safe_dagger'), weighting='sirius')
    made = make_round(run, [*demos, *mixed], weighted)
    episodes = [*demos, *mixed]
    weights = labels(episodes, weighted.labelled).columns.weight
    every = sum(e.human_actions + e.robot_actions for e in episodes)
    assert made.labels == (weights > 0).sum() < every == len(weights)
    assert made.labels == sum(e.labels for e in made.episodes)
    fit = load_fit(toy_spec(), run.checkpoint(1), 'safe_dagger')
    assert fit.rows == made.of_human == sum(e.human_actions for e in episodes)
    first = run.read_round(0)
    assert first.of_human == first.labels
    policy = checkpoint.load(run.checkpoint(1)).policy
    assert 'weighted by sirius' in made.selection
    assert made.selection in policy.notes
    assert 'sent beside them where he acted: 0.000' in policy.notes


def test_steps_of_a_policy_alone_are_labels_of_no_human(demos, tmp_path):
    run = RunFolder(tmp_path / 'run')
    make_round(run, demos, config(''))
    by_itself = play(make_loop(ToyWorld(), ALONE, run.checkpoint(0)), range(3), 'alone')
    weighted = dataclasses.replace(config(''), weighting='iwr')
    made = make_round(RunFolder(tmp_path / 'own'), by_itself, weighted)
    assert (made.labels, made.of_human) == (sum(map(len, by_itself)), 0)


def test_tau_is_the_mean_doubt_of_the_last_quarter_of_takeovers(twice):
    gate, run, helped = twice
    if gate != 'hg_dagger':
        return
    doubts = []
    for e in helped:
        for before, row in itertools.pairwise(range(len(e))):
            if (e.owners[before], e.owners[row]) == (Owner.POLICY, Owner.HUMAN):
                doubts.append(e.steps['scores'][row][e.score_names.index('doubt')])
    last = doubts[-max(round(len(doubts) / 4), 1) :]
    first, second = run.rounds()
    assert first.gate['thresholds'] == {}, 'nobody took over in demonstrations'
    assert second.gate['rows'] == len(doubts)
    assert second.gate['thresholds']['doubt'] == pytest.approx(np.mean(last))
    loop = make_loop(ToyWorld(), aided(gate), run.checkpoint(1))
    episode = play(loop, [7])[0]
    tau = episode.steps['thresholds'][:, episode.score_names.index('doubt')]
    assert tau[0] == pytest.approx(np.mean(last))


def test_a_human_whom_a_gate_called_says_nothing_of_where_he_doubts(demos, tmp_path):
    run = RunFolder(tmp_path)
    make_round(run, demos, config('hg_dagger'))
    often = {'rate': 0.1, 'duration': 3}
    called, own = (
        play(make_loop(ToyWorld(), cast, run.checkpoint(0)), range(100, 106))
        for cast in (aided('random', often), aided('hg_dagger'))
    )
    assert sum(e.interventions for e in called) > 3
    assert not len(doubts_at_takeover(called, toy_spec()))
    taken = doubts_at_takeover([*called, *own], toy_spec())
    assert len(taken) == sum(e.interventions for e in own) > 0


def test_a_classifier_starts_with_the_share_it_was_asked_for(demos, tmp_path):
    made = make_round(RunFolder(tmp_path), demos, config('safe_dagger'))
    fit = load_fit(toy_spec(), RunFolder(tmp_path).checkpoint(0), 'safe_dagger')
    assert (made.gate['alpha'], fit.rows) == (0.2, made.labels)


def test_lazy_without_hysteresis_and_noise_makes_the_steps_of_safe(demos, tmp_path):
    run = RunFolder(tmp_path)
    make_round(run, demos, config('lazy_dagger'))
    off = {'hysteresis': False, 'noise': 0.0}
    human = {'style': 'always'}
    safe, lazy, slow = (
        play(make_loop(ToyWorld(), Cast(gate, params, INSTANT, human), run.checkpoint(0)), seeds)
        for gate, params in (('safe_dagger', {}), ('lazy_dagger', off), ('lazy_dagger', {}))
        for seeds in (range(300, 310),)
    )
    for a, b in zip(safe, lazy, strict=True):
        for column in ('owner', 'mode', 'cause', 'command', 'expert', 'frame'):
            np.testing.assert_array_equal(a.column(column), b.column(column))
    assert sum(e.switches for e in safe) > 0, 'otherwise this says nothing'
    assert any(
        not np.array_equal(a.commands, b.commands) for a, b in zip(safe, slow, strict=False)
    )


def test_noise_is_sent_and_not_learned(demos, tmp_path):
    run = RunFolder(tmp_path)
    make_round(run, demos, config('lazy_dagger'))
    cast = Cast('lazy_dagger', {'noise': 0.3}, INSTANT, {'style': 'always'})
    episodes = play(make_loop(ToyWorld(), cast, run.checkpoint(0)), range(300, 310))
    apart, same = [], []
    for e in episodes:
        rows = e.human_labels
        apart.append(np.abs(e.commands[rows] - e.expert_actions[rows])[:, :2].ravel())
        same.append(e.expert_actions[rows][:, 2] - 0.08)
    assert np.concatenate(apart).max() > 0.005
    assert np.abs(np.concatenate(same)).max() < 1e-6
    assert LazyDagger.name == 'lazy_dagger'


def test_the_checkpoint_tells_of_noise_on_demonstrations(tmp_path):
    cast = dataclasses.replace(DEMONSTRATE, gate_params={'noise': 0.3})
    noisy = play(make_loop(ToyWorld(), cast), range(20), 'noisy')
    run = RunFolder(tmp_path)
    make_round(run, noisy, config(''))
    notes = checkpoint.load(run.checkpoint(0)).policy.notes
    said = float(notes.partition('where he acted: ')[2].split()[0])
    assert 0.15 < said < 0.25, '0.245 on two axes of three, and limits cut what is too fast'


def test_one_member_has_no_doubt_to_judge_by(demos, tmp_path):
    alone_ = dataclasses.replace(config('hg_dagger'), bc=dataclasses.replace(BC, members=1))
    run = RunFolder(tmp_path)
    make_round(run, demos, alone_)
    helped = play(make_loop(ToyWorld(), aided('hg_dagger'), run.checkpoint(0)), range(100, 104))
    made = make_round(run, [*demos, *helped], alone_)
    assert made.gate['thresholds'] == {}
    assert made.gate['states'] == 'one member has no doubt'


def test_transitions_tell_goals_from_other_ends(demos):
    world = ToyWorld()
    failed = play(make_loop(world, DEMONSTRATE), [9])[0]
    data = transitions([*demos, failed])
    successes = sum(e.outcome is Outcome.SUCCESS for e in (*demos, failed))
    assert len(data) == sum(len(e) for e in demos) + len(failed)
    assert data.reached.sum() == successes
    assert data.ended.sum() == 5 - successes
    first = demos[0]
    np.testing.assert_array_equal(data.following[0], first.frames[1])
    np.testing.assert_array_equal(data.actions[: len(first)], first.commands)


def test_only_critics_ask_for_probes():
    assert set(PROBED) <= set(FITS.names())


def test_an_unknown_gate_to_fit_lists_the_known_ones(demos, tmp_path):
    with pytest.raises(UserError, match=r'thrifty_dagger.*did you mean novelty'):
        make_round(RunFolder(tmp_path), demos, config('noveltie'))


def test_burden_is_the_published_example():
    """LazyDAgger: three switches, ten steps of latency, twenty actions per intervention."""
    assert burden(3, 10, 20) == 90


def test_who_begins_counts_as_asked(demos):
    assert summarise(demos[0]).begun_by_human
    assert json.dumps(summarise(demos[0]).begun_by_human) == 'true'
    assert ALONE.operator is None
